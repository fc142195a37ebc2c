"""Servers behind a load balancer: real ones, that say who they are and count what reaches them."""

from __future__ import annotations

import contextlib
import http
import http.server
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

_LOG = logging.getLogger(__name__)

HEALTH = "/health"
# Begins to answer at once and ends when it is let: for requests that outlast a change.
HELD = "/held"
_HOLD_TIMEOUT_S = 900.0
_HOLD_STEP_S = 1.0
# A server that is stopped in order still answers what it was asked.
_GRACE_S = 0.5
_POLL_S = 0.1


class Backend:
    """A server on an address of its own, which answers as long as it is up.

    Args:
        name: What it calls itself.
        address: Where it listens.
        port: TCP port there.

    Attributes:
        served: How many requests it took, health checks aside.
        checked: How many health checks it took.
        held: How many requests wait for :meth:`release`.
    """

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.served = 0
        self.checked = 0
        self.held = 0
        self._gate = threading.Event()
        self._counting = threading.Lock()
        self._server: _Server | None = None

    def bring_up(self) -> None:
        """Listen, and hold requests again."""
        self._gate.clear()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True).start()

    def take_down(self) -> None:
        """Refuse new connections and end all others; does nothing to a server that is down."""
        if self._server is None:
            return
        self.release()
        self._server.shutdown()
        self._server.end()
        self._server = None

    def release(self) -> None:
        """Have all requests answered that are held, until it comes up again."""
        self._gate.set()

    def count(self, path: str) -> None:
        """Count a request."""
        with self._counting:
            if path == HEALTH:
                self.checked += 1
            else:
                self.served += 1

    def hold(self, still_there: Callable[[], object]) -> None:
        """Wait until held requests are released, and call a function every second meanwhile."""
        with self._counting:
            self.held += 1
        try:
            deadline = time.monotonic() + _HOLD_TIMEOUT_S
            while not self._gate.wait(_HOLD_STEP_S) and time.monotonic() < deadline:
                still_there()
        finally:
            with self._counting:
                self.held -= 1


@contextlib.contextmanager
def serve(name: str, address: str, port: int) -> Iterator[Backend]:
    """Have a server answer for as long as the context lasts."""
    backend = Backend(name, address, port)
    backend.bring_up()
    try:
        yield backend
    finally:
        backend.take_down()


class _Server(socketserver.ThreadingTCPServer):
    """Listens, and knows its connections."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._connections: set[socket.socket] = set()
        super().__init__((backend.address, backend.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Say nothing on the terminal: a connection that is cut is part of a proof."""
        _LOG.debug("%s: a connection ended", self.backend.name, exc_info=True)

    def end(self) -> None:
        """Close the listening socket, and then all connections."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                # They were connected while the loop ended.
                self.process_request(*self.socket.accept())
        self.server_close()
        time.sleep(_GRACE_S)
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers with who it is and what it was told of the client, as JSON."""

    server: _Server
    protocol_version = "HTTP/1.1"
    # An answer's header and body are two writes.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        backend = self.server.backend
        backend.count(self.path)
        told = {
            "backend": backend.name,
            "path": self.path,
            "forwarded-for": self.headers.get("X-Forwarded-For", ""),
            "forwarded-proto": self.headers.get("X-Forwarded-Proto", ""),
        }
        body = json.dumps(told).encode()
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        if self.path == HELD:
            # White space may precede JSON; without it somebody on the way would give up.
            self.send_header("Connection", "close")
            self.end_headers()
            backend.hold(lambda: self.wfile.write(b" "))
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, it is http.server's
        _LOG.debug("%s: %s", self.server.backend.name, format % args)
