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


class Mirror:
    """The archive as it is at one time or another, at the same place.

    Attributes:
        url: Its base URL.
        time: What it shows: ``NOW`` or ``LATER`` of :mod:`.local_archive`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.time = local_archive.NOW


@contextlib.contextmanager
def changing() -> Iterator[Mirror]:
    """Serve the archive where a build reaches it, so that it can move on in the meantime."""

    class Handler(_Quiet):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.replace("/ubuntu/", f"/{mirror.time}/", 1))

    handler = functools.partial(Handler, directory=str(local_archive.archive()))
    with address(), http.server.ThreadingHTTPServer((ADDRESS, 0), handler) as server:
        mirror = Mirror(f"http://{ADDRESS}:{server.server_port}/ubuntu")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield mirror
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""
