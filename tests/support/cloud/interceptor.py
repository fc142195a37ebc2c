"""A proxy in front of Glance that kills a client in the middle of one of its requests.

It has Glance's own certificate, or another one. A client is killed while Glance is at work on its
request, so to count through all requests is to go through all moments of its life.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import pathlib
import signal
import ssl
import threading
from collections.abc import Iterator

from . import cloud

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Interceptor(http.server.ThreadingHTTPServer):
    """Forwards requests to Glance.

    Attributes:
        requests: What was forwarded since a process was doomed: method and path.
        writes: Those of them that change something.
    """

    daemon_threads = True

    def __init__(
        self, behind: cloud.Cloud, certificate: tuple[pathlib.Path, pathlib.Path] | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._behind = behind
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        own = behind.directory
        served.load_cert_chain(*certificate or (own / "server.pem", own / "server.key"))
        self.socket = served.wrap_socket(self.socket, server_side=True)
        self._trust = ssl.create_default_context(cafile=str(behind.ca_path))
        self._one_by_one = threading.Lock()
        self._known = threading.Event()
        self._fatal = 0
        self._victim = 0
        self._only_writes = False
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Endpoint of the image service for clients."""
        return f"https://127.0.0.1:{self.server_address[1]}"

    @property
    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith("GET ")]

    def doom(self, process: int, *, fatal: int, writes: bool = False) -> None:
        """Kill a process at one of its requests, from 1 on; none gets through before this.

        Args:
            process: Whom.
            fatal: The number of the request.
            writes: Whether only those count that change something.
        """
        self._fatal = fatal
        self._only_writes = writes
        self._victim = process
        self.requests = []
        self._known.set()

    def forget(self) -> None:
        """Wait until Glance is done with what the last process asked, and let no other ask."""
        with self._one_by_one:
            self._known.clear()

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        """Pass a request on, and kill who sent it if it is the one."""
        with self._one_by_one:
            self._known.wait()
            self.requests.append(f"{method} {path}")
            counts = method != "GET" or not self._only_writes
            number = len(self.writes if self._only_writes else self.requests)
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._behind.glance_port, context=self._trust, timeout=60
            )
            with contextlib.closing(connection):
                connection.request(method, path, body, headers)
                if counts and number == self._fatal:
                    os.kill(self._victim, signal.SIGKILL)
                response = connection.getresponse()
                return response.status, list(response.headers.items()), response.read()


_Answer = tuple[int, list[tuple[str, str]], bytes]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Interceptor

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        status, answered, content = self.server.forward(self.command, self.path, headers, body)
        # Who was killed takes no answer.
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            for name, value in answered:
                if name.lower() not in {*_HOP_BY_HOP, "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- the base's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def intercepting(
    behind: cloud.Cloud, certificate: tuple[pathlib.Path, pathlib.Path] | None = None
) -> Iterator[Interceptor]:
    """Run a proxy in front of a cloud's Glance.

    Args:
        behind: The cloud.
        certificate: Files of the proxy's certificate and key, in place of Glance's.
    """
    with Interceptor(behind, certificate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
