"""What is wrong with a web server is told by its name: each case over a real socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from retrofit import errors
from retrofit.host import http_errors, web

_HEAD = b"HTTP/1.1 200 OK\r\n"


class _Sink:
    """Takes a file as far as it comes."""

    done = size = 0

    def expect(self, size: int) -> None:
        self.size = size

    def write(self, piece: bytes) -> None:
        self.done += len(piece)

    def restart(self) -> None:
        self.done = 0


def _send(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


def _reset(connection: socket.socket) -> None:
    # Nobody waits for what was sent: the close is a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def _serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer requests in one way, and close the connection; give the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/x.img"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            _send(_HEAD + b"Content-Length: 500\r\n\r\nabc"),
            "the server closed the connection early: 497 bytes are missing",
        ),
        (
            _send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc"),
            "the server closed the connection early",
        ),
        (_send(b""), "the server closed the connection without an answer"),
        (_send(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is not HTTP"),
        (_reset, "Connection reset by peer"),
    ],
    ids=["cut", "cut in a chunk", "closed", "not HTTP", "reset"],
)
def test_a_connection_that_breaks(
    answer: Callable[[socket.socket], None], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_ATTEMPTS", 1)
    with _serving(answer) as url:
        for ask in (
            lambda: web.read(url, web.Access(), limit=1000),
            lambda: web.fetch(url, web.Access(), _Sink()),
        ):
            with pytest.raises(http_errors.Transient) as raised:
                ask()
            assert raised.value.message == f"cannot fetch {url}: {reason}"


def test_a_server_that_says_nothing() -> None:
    with contextlib.ExitStack() as held:
        asked = threading.Event()
        url = held.enter_context(_serving(lambda _: asked.wait(60) and None))
        held.callback(asked.set)
        with pytest.raises(errors.Unavailable) as raised:
            web.probe(url, web.Access(), timeout_s=0.2)

    assert "the server sent no data, or very little, for 0 s" in raised.value.message


def test_a_server_that_accepts_no_connection() -> None:
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # What the kernel keeps for a server that accepts nothing.
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/x.img"
        with pytest.raises(errors.Unavailable) as raised:
            web.probe(url, web.Access(), timeout_s=0.6)

    assert raised.value.message == (
        f"cannot fetch {url}: no connection: the server accepted no connection within 1 s"
    )


def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x.img"
    with pytest.raises(errors.Unavailable) as raised:
        web.probe(url, web.Access(), timeout_s=60)

    reason = "no connection: [Errno 111] Connection refused"
    assert raised.value.message == f"cannot fetch {url}: {reason}"


def test_an_unknown_host() -> None:
    url = "http://unknown.invalid/x.img"
    with pytest.raises(errors.Unavailable) as raised:
        web.probe(url, web.Access(), timeout_s=60)

    assert raised.value.message.startswith(
        f"cannot fetch {url}: no connection: Failed to resolve 'unknown.invalid' ("
    )
