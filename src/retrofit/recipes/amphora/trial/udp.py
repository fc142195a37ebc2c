"""Members and clients of a UDP listener."""

from __future__ import annotations

import contextlib
import socket

from . import members

_QUESTION = b"who answers?"
_TIMEOUT_S = 10.0
_LONGEST = 65535


class _Member(members.Member):
    def _listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind((self.address, self.port))
        return listening

    def _reply(self, packet: bytes, client: str) -> bytes | None:
        # A health check sends something else, and waits only for the kernel's word of a port
        # where nobody listens.
        return members.Answer(self.name, client).encode() if packet == _QUESTION else None


def _ask(source: str, address: str, port: int) -> members.Answer:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.settimeout(_TIMEOUT_S)
        asking.bind((source, 0))
        # Nobody else's datagrams arrive here then.
        asking.connect((address, port))
        asking.send(_QUESTION)
        return members.decode(asking.recv(_LONGEST))


UDP = members.Transport(_Member, _ask, lambda: "")
