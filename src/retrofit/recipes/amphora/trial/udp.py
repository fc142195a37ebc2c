"""Members and clients of a UDP listener."""

from __future__ import annotations

import contextlib
import socket

from . import members

_QUESTION = b"who answers?"


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
        asking.bind((source, members.client_port()))
        # Nobody else's datagrams arrive here then.
        asking.connect((address, port))
        return members.exchange(asking, lambda: asking.send(_QUESTION), members.decode)


UDP = members.Transport(_Member, _ask, lambda: "")
