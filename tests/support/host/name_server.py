"""A DNS server at the loopback, as systemd-resolved is one, that knows every name."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator

_PORT = 53
_HEADER = struct.Struct(">HHHHHH")
_TYPE_A = 1
# A pointer to the name in the question, type A, class IN, one second, four bytes.
_RECORD = struct.pack(">HHHIH", 0xC00C, _TYPE_A, 1, 1, 4)


class Server(socketserver.ThreadingUDPServer):
    """Answers with one address.

    Attributes:
        names: Names that it was asked for.
        answer: The address, four bytes.
    """

    def __init__(self, address: str, answer: bytes) -> None:
        super().__init__((address, _PORT), _Handler)
        self.names: list[str] = []
        self.answer = answer


@contextlib.contextmanager
def serving(address: str, answer: bytes) -> Iterator[Server]:
    """Serve at an address of the loopback."""
    with Server(address, answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


class _Handler(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        """Answer a question, with nothing if it is not for an address (RFC 1035)."""
        asked, reply = self.request
        number, *_ = _HEADER.unpack_from(asked)
        labels, at = [], _HEADER.size
        while length := asked[at]:
            labels.append(asked[at + 1 : at + 1 + length].decode())
            at += 1 + length
        self.server.names.append(".".join(labels))
        question = asked[_HEADER.size : at + 5]
        (kind,) = struct.unpack_from(">H", asked, at + 1)
        record = _RECORD + self.server.answer if kind == _TYPE_A else b""
        header = _HEADER.pack(number, 0x8180, 1, 1 if record else 0, 0, 0)
        reply.sendto(header + question + record, self.client_address)
