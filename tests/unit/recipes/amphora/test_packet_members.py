"""Members and clients that speak UDP and SCTP."""

from __future__ import annotations

import pytest

from retrofit.recipes.amphora.trial import members, sctp, udp

_CLIENT, _SERVER = "127.0.0.1", "127.0.0.2"
_PORT = 8054


@pytest.mark.parametrize(
    ("transport", "silence"),
    [(udp.UDP, ConnectionRefusedError), (sctp.SCTP, TimeoutError)],
    ids=["UDP", "SCTP"],
)
def test_a_member_says_who_it_is_while_it_is_up(
    monkeypatch: pytest.MonkeyPatch, transport: members.Transport, silence: type[OSError]
) -> None:
    monkeypatch.setattr(members, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(members, "_REPEAT_S", 0.2)
    member = transport.serve("blue", _SERVER, _PORT)
    try:
        assert transport.ask(_CLIENT, _SERVER, _PORT) == members.Answer("blue", _CLIENT)
        member.take_down()
        member.take_down()
        with pytest.raises(silence):
            transport.ask(_CLIENT, _SERVER, _PORT)
        member.bring_up()
        assert transport.ask(_CLIENT, _SERVER, _PORT).backend == "blue"
    finally:
        member.take_down()


@pytest.mark.parametrize("transport", [udp.UDP, sctp.SCTP], ids=["UDP", "SCTP"])
def test_a_packet_that_is_lost_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, transport: members.Transport
) -> None:
    """The member gets what was sent first, and says nothing; from one port it hears more."""
    monkeypatch.setattr(members, "_REPEAT_S", 0.2)
    member = transport.serve("blue", _SERVER, _PORT)
    heard: list[bytes] = []
    reply = member._reply

    def lose(packet: bytes, client: str) -> bytes | None:
        answer = reply(packet, client)
        if answer is not None:
            heard.append(packet)
        return answer if len(heard) > 2 else None

    monkeypatch.setattr(member, "_reply", lose)
    try:
        assert transport.ask(_CLIENT, _SERVER, _PORT).backend == "blue"
    finally:
        member.take_down()
    assert len(heard) == 3
    # Behind the IP header, it is the same packet.
    assert len({packet[-32:] for packet in heard}) == 1


@pytest.mark.parametrize("transport", [udp.UDP, sctp.SCTP], ids=["UDP", "SCTP"])
def test_clients_come_from_other_ports(
    monkeypatch: pytest.MonkeyPatch, transport: members.Transport
) -> None:
    """Of two that come from the same one, the amphora takes the second for the first."""
    taken = []
    fresh = members.client_port

    def take() -> int:
        taken.append(fresh())
        return taken[-1]

    monkeypatch.setattr(members, "client_port", take)
    member = transport.serve("blue", _SERVER, _PORT)
    try:
        for _ in range(200):
            transport.ask(_CLIENT, _SERVER, _PORT)
    finally:
        member.take_down()
    assert len(set(taken)) == 200
    assert min(taken) >= 49152


# RFC 3720, B.4: CRC-32C of 32 bytes of zeros, of ones, and of rising numbers.
@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_checksum(data: bytes, checksum: int) -> None:
    assert sctp.crc32c(data) == checksum


def test_a_packet_that_was_changed_on_its_way_is_none() -> None:
    packet = sctp.Packet(49152, 5300, 7, 1, b"value")
    datagram = b"\x45" + bytes(19) + packet.encode()

    assert sctp.decode(datagram) == packet
    for length in range(len(datagram)):
        assert sctp.decode(datagram[:length]) is None
    for at in range(20, len(datagram)):
        damaged = bytearray(datagram)
        damaged[at] ^= 1
        assert sctp.decode(bytes(damaged)) is None


def test_an_answer_that_is_nobodys() -> None:
    for data in (b"", b"[]", b'{"backend": "blue"}', b"\xff"):
        with pytest.raises(members.Unanswered):
            members.decode(data)
