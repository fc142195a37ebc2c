"""Serves all of a Swift in one process, in Swift's own virtual environment, by :mod:`.s3_server`.

Usage: ``python s3_process.py PARENT CONFIGURATION...``. Each configuration has its server's port.
The process ends with the one that started it, whose identifier is PARENT, however that one ends.
"""

from __future__ import annotations

import configparser
import ctypes
import os
import signal
import sys

import eventlet

eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

from eventlet import wsgi as eventlet_wsgi  # noqa: E402
from swift.common import utils, wsgi  # noqa: E402

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *configurations = sys.argv[1:]
    # Asked of the kernel before anything else, as a test run may be killed at any moment; if it
    # was before the kernel knew, this process has another parent by now.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        return
    servers = []
    for path in configurations:
        parser = configparser.ConfigParser()
        parser.read(path)
        settings = parser.defaults()
        utils.set_swift_dir(settings["swift_dir"])
        listener = eventlet.listen((settings["bind_ip"], int(settings["bind_port"])))
        app = wsgi.loadapp(path)
        servers.append(
            eventlet.spawn(
                eventlet_wsgi.server,
                listener,
                app,
                log_output=False,
                protocol=wsgi.SwiftHttpProtocol,
            )
        )
    for server in servers:
        server.wait()


if __name__ == "__main__":
    main()
