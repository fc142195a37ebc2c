"""Serves Keystone or Glance; runs in the cloud's own virtual environment, by :mod:`.cloud`.

Usage: ``python cloud_server.py keystone|glance PORT CERTIFICATE KEY PARENT``. The server ends with
the process that started it, whose identifier is PARENT, however that one ends.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pathlib
import signal
import sys
from typing import Any

import gunicorn.app.base

_PR_SET_PDEATHSIG = 1


class Server(gunicorn.app.base.BaseApplication):
    """One gunicorn worker with threads: SQLite does not bear several writing processes."""

    def __init__(self, service: str, options: dict[str, Any]) -> None:
        self._service = service
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take the options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the service's WSGI application, in the worker."""
        if self._service == "glance":
            _queue_writers()
        # Both services parse the arguments of the process when they are imported.
        sys.argv = sys.argv[:1]
        return importlib.import_module(f"{self._service}.wsgi.api").application


def _queue_writers() -> None:
    """Have transactions of SQLite wait for one another from their beginning.

    By default, one that has read fails at once where it would write while another one writes.
    """
    import sqlalchemy.event

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "before_cursor_execute", retval=True)
    def begin(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        return "BEGIN IMMEDIATE" if statement == "BEGIN" else statement, parameters


def main(server: type[Server] = Server) -> None:
    """Serve what the command line says.

    Args:
        server: What serves it.
    """
    service, port, certificate, key, parent = sys.argv[1:]
    # Asked of the kernel before anything else, as a test run may be killed at any moment; if it
    # was before the kernel knew, this process has another parent by now.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        return
    options = {
        "bind": f"127.0.0.1:{port}",
        "certfile": certificate,
        "keyfile": key,
        "workers": 1,
        "worker_class": "gthread",
        "threads": 16,
        "timeout": 600,
        "graceful_timeout": 2,
        "control_socket_disable": True,
        "accesslog": str(pathlib.Path(key).with_name(f"{service}-requests.log")),
        "access_log_format": "%(m)s %(U)s|%(a)s",
    }
    server(service, options).run()


if __name__ == "__main__":
    main()
