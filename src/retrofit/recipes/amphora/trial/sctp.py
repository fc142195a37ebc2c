"""Members and clients of an SCTP listener, as far as the beginning of an association.

Many kernels come without SCTP, and the libraries that speak it need the kernel's; so packets are
made here, and go through raw sockets. A client's INIT, answered by the member's INIT ACK, crosses
all that a listener consists of; the state cookie, which means something to its maker alone, names
the member (RFC 9260, 3.3.2 and 3.3.3; checksum: appendix A).
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import secrets
import socket
import struct

from . import members

# Ports, verification tag, checksum; then, for each chunk, type, flags and length.
_HEADER = struct.Struct("!HHII")
_CHUNK = struct.Struct("!BBH")
_CHECKSUM_AT = 8
# Initiate tag, receiver window, streams out and in, initial TSN.
_INITIATION = struct.Struct("!IIHHI")
_WINDOW = 65536
_PARAMETER = struct.Struct("!HH")
_STATE_COOKIE = 7
_INIT, _INIT_ACK, _ABORT = 1, 2, 6
_POLYNOMIAL = 0x82F63B78
# Is there where the kernel speaks SCTP itself: it would end what it knows nothing of.
_KERNELS = pathlib.Path("/proc/net/sctp")


@dataclasses.dataclass(frozen=True)
class Packet:
    """A packet with one chunk.

    Attributes:
        source: Port it comes from.
        target: Port it goes to.
        tag: Verification tag.
        kind: Type of the chunk.
        value: What the chunk holds.
    """

    source: int
    target: int
    tag: int
    kind: int
    value: bytes = b""

    def encode(self) -> bytes:
        """Return the packet as it goes over the network, behind the IP header."""
        length = _CHUNK.size + len(self.value)
        chunk = _CHUNK.pack(self.kind, 0, length) + self.value + bytes(-length % 4)
        header = _HEADER.pack(self.source, self.target, self.tag, 0)
        sum_ = struct.pack("<I", crc32c(header + chunk))
        return header[:_CHECKSUM_AT] + sum_ + chunk


def crc32c(data: bytes) -> int:
    """Return the checksum of Castagnoli's polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def decode(datagram: bytes) -> Packet | None:
    """Return the first chunk of a packet.

    Args:
        datagram: The packet with its IPv4 header.

    Returns:
        ``None`` if it is damaged.
    """
    data = datagram[(datagram[0] & 15) * 4 :] if datagram else b""
    if len(data) < _HEADER.size + _CHUNK.size:
        return None
    source, target, tag, _ = _HEADER.unpack_from(data)
    zeroed = data[:_CHECKSUM_AT] + bytes(4) + data[_HEADER.size :]
    if struct.pack("<I", crc32c(zeroed)) != data[_CHECKSUM_AT : _HEADER.size]:
        return None
    kind, _, length = _CHUNK.unpack_from(data, _HEADER.size)
    value = data[_HEADER.size + _CHUNK.size : _HEADER.size + length]
    return Packet(source, target, tag, kind, value)


def _initiation(tag: int, cookie: bytes = b"") -> bytes:
    """Return what the chunk INIT holds; with a cookie, what INIT ACK holds."""
    fixed = _INITIATION.pack(tag, _WINDOW, 1, 1, tag)
    if not cookie:
        return fixed
    return fixed + _PARAMETER.pack(_STATE_COOKIE, _PARAMETER.size + len(cookie)) + cookie


def _cookie(value: bytes) -> bytes:
    """Return the state cookie of an INIT ACK; empty if it has none."""
    parameters = value[_INITIATION.size :]
    while len(parameters) >= _PARAMETER.size:
        kind, length = _PARAMETER.unpack_from(parameters)
        if kind == _STATE_COOKIE:
            return parameters[_PARAMETER.size : length]
        parameters = parameters[max(length + -length % 4, _PARAMETER.size) :]
    return b""


def _tag() -> int:
    """Return a tag, which must not be 0."""
    return secrets.randbelow(0xFFFFFFFF) + 1


def _raw(address: str) -> socket.socket:
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_SCTP)
    raw.bind((address, 0))
    return raw


class _Member(members.Member):
    def _listen(self) -> socket.socket:
        return _raw(self.address)

    def _reply(self, packet: bytes, client: str) -> bytes | None:
        got = decode(packet)
        if got is None or (got.kind, got.target) != (_INIT, self.port):
            return None
        (theirs,) = struct.unpack_from("!I", got.value)
        cookie = members.Answer(self.name, client).encode()
        accepted = _initiation(_tag(), cookie)
        return Packet(self.port, got.source, theirs, _INIT_ACK, accepted).encode()


def _ask(source: str, address: str, port: int) -> members.Answer:
    ours, tag = members.client_port(), _tag()
    first = Packet(ours, port, 0, _INIT, _initiation(tag)).encode()
    with contextlib.closing(_raw(source)) as asking:

        def read(packet: bytes) -> members.Answer | None:
            got = decode(packet)
            if got is None or (got.source, got.target, got.tag) != (port, ours, tag):
                return None
            if got.kind != _INIT_ACK:
                raise members.Unanswered(f"the listener answers with a chunk of type {got.kind}")
            (theirs,) = struct.unpack_from("!I", got.value)
            # On the way it is forgotten, too, then.
            asking.sendto(Packet(ours, port, theirs, _ABORT).encode(), (address, 0))
            return members.decode(_cookie(got.value))

        return members.exchange(asking, lambda: asking.sendto(first, (address, 0)), read)


def _obstacle() -> str:
    if _KERNELS.exists():
        return "the kernel of this machine answers SCTP itself; unload its module sctp to prove it"
    return ""


SCTP = members.Transport(_Member, _ask, _obstacle)
