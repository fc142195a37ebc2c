"""Serves the tests' package archive where a build's network reaches it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator

from . import local_archive

# Loopback's own address is out of a build's reach, this one is not; it is set apart for tests
# between networks (RFC 2544).
_ADDRESS = "198.18.78.1"


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve the archive from an address of this host; gives the base URL."""
    place = [f"{_ADDRESS}/32", "dev", "lo"]
    subprocess.run(["ip", "address", "replace", *place], check=True)
    try:
        handler = functools.partial(_Quiet, directory=str(local_archive.archive()))
        with http.server.ThreadingHTTPServer((_ADDRESS, 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://{_ADDRESS}:{server.server_port}/ubuntu"
            server.shutdown()
    finally:
        subprocess.run(["ip", "address", "delete", *place], check=True)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""
