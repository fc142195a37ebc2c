"""Serves the tests' package archive where a build's network reaches it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator

from . import local_archive

# Loopback's own address is out of a build's reach, this one is not; it is set apart for tests
# between networks (RFC 2544), and this process's alone: others end sooner or later.
ADDRESS = f"198.18.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


@contextlib.contextmanager
def address() -> Iterator[None]:
    """Give the host the address."""
    place = [f"{ADDRESS}/32", "dev", "lo"]
    subprocess.run(["ip", "address", "replace", *place], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "address", "delete", *place], check=True)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve the archive where a build reaches it; gives the base URL."""
    handler = functools.partial(_Quiet, directory=str(local_archive.archive()))
    with address(), http.server.ThreadingHTTPServer((ADDRESS, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{ADDRESS}:{server.server_port}/ubuntu"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""
