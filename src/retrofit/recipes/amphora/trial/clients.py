"""Clients of a load balancer: single requests, and a stream of them while something changes."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

from . import http2

# A request that is answered late is not lost; one that is lost is mostly refused.
TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: Its status.
        location: Where it sends the client; empty if nowhere.
        body: What it says.
        tls: Version of TLS and cipher; empty if the connection was plain.
    """

    status: int
    location: str
    body: bytes
    tls: str

    @property
    def told(self) -> dict[str, Any]:
        """What a backend told (:mod:`retrofit.recipes.amphora.trial.backends`), if one did."""
        try:
            document = json.loads(self.body)
        except ValueError:
            # The load balancer's own pages are no JSON.
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def backend(self) -> str:
        """Name of the backend that answered; empty if none did."""
        return str(self.told.get("backend", ""))


@dataclasses.dataclass(frozen=True)
class Target:
    """Where requests go.

    Attributes:
        address: IP address, and the name that a certificate has to be for.
        port: TCP port.
        trusted: Certificate, as PEM, of the authority that vouches for the server; ``None`` for
            plain HTTP.
        http2: Whether to speak HTTP/2, which takes TLS.
    """

    address: str
    port: int
    trusted: str | None = None
    http2: bool = False

    def get(self, path: str = "/", *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Make one request over a connection of its own; redirections are not followed.

        Raises:
            OSError: The connection was refused, cut or not trusted, or the answer took too long.
            http.client.HTTPException: The answer is not HTTP, or ended early.
        """
        with contextlib.closing(self._connection(timeout_s)) as connection:
            connection.connect()
            tls = _tls(connection.sock)
            if self.http2 and isinstance(connection.sock, ssl.SSLSocket):
                return self._over_http2(connection.sock, path, tls)
            connection.request("GET", path)
            response = connection.getresponse()
            location = response.getheader("Location", "")
            return Answer(response.status, location, response.read(), tls)

    def _over_http2(self, connection: ssl.SSLSocket, path: str, tls: str) -> Answer:
        agreed = connection.selected_alpn_protocol()
        if agreed != http2.ALPN:
            raise http.client.HTTPException(f"HTTP/2 is not agreed on, but {agreed or 'nothing'}")
        fields, body = http2.get(connection, self.address, path)
        return Answer(int(fields[":status"]), fields.get("location", ""), body, tls)

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self.trusted is None:
            return http.client.HTTPConnection(self.address, self.port, timeout=timeout_s)
        context = ssl.create_default_context(cadata=self.trusted)
        if self.http2:
            context.set_alpn_protocols([http2.ALPN])
        return http.client.HTTPSConnection(
            self.address, self.port, timeout=timeout_s, context=context
        )


@dataclasses.dataclass(frozen=True)
class Try:
    """A request of a stream.

    Attributes:
        began: When it was sent, by the monotonic clock.
        ended: When its answer was there, or it was given up.
        backend: Who answered; empty if the request was lost.
        fault: Why it was lost; empty if it was not.
    """

    began: float
    ended: float
    backend: str
    fault: str


class Stream:
    """Requests, one after the other, each over a connection of its own.

    Attributes:
        tries: What became of them, in order.
    """

    def __init__(self, target: Target, *, pause_s: float, timeout_s: float) -> None:
        self.tries: list[Try] = []
        self._target = target
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._end = threading.Event()

    @property
    def lost(self) -> list[Try]:
        """The requests that nobody answered."""
        return [one for one in self.tries if one.fault]

    def answered_since(self, moment: float) -> Try | None:
        """Return the first request that was sent after a moment and answered, if any."""
        good = (one for one in list(self.tries) if not one.fault and one.began > moment)
        return next(good, None)

    def _flow(self) -> None:
        while not self._end.wait(self._pause_s):
            began = time.monotonic()
            backend, fault = "", ""
            try:
                answer = self._target.get(timeout_s=self._timeout_s)
            except (OSError, http.client.HTTPException) as error:
                fault = str(error) or type(error).__name__
            else:
                backend = answer.backend
                fault = "" if backend else f"status {answer.status}"
            self.tries.append(Try(began, time.monotonic(), backend, fault))


@contextlib.contextmanager
def stream(
    target: Target, *, pause_s: float = 0.1, timeout_s: float = TIMEOUT_S
) -> Iterator[Stream]:
    """Make requests for as long as the context lasts; the last has ended when it has.

    Args:
        target: Where they go.
        pause_s: Seconds from an answer to the next request.
        timeout_s: Seconds after which a request is given up.
    """
    flowing = Stream(target, pause_s=pause_s, timeout_s=timeout_s)
    thread = threading.Thread(target=flowing._flow, daemon=True)
    thread.start()
    try:
        yield flowing
    finally:
        flowing._end.set()
        thread.join()


def _tls(connection: socket.socket) -> str:
    """Return version of TLS and cipher of a connection; empty if it is plain."""
    if not isinstance(connection, ssl.SSLSocket):
        return ""
    cipher = connection.cipher()
    return f"{connection.version()} {cipher[0] if cipher else ''}".strip()
