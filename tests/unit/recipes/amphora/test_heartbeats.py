"""What amphorae report, and what is not taken for a report."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from retrofit.recipes.amphora.trial import heartbeats

_KEY = "a key"
_AMPHORA = str(uuid.uuid4())
_LISTENER = str(uuid.uuid4())
_POOL = f"{uuid.uuid4()}:{_LISTENER}"
_MEMBER = str(uuid.uuid4())


def _message(connections: int, state: str) -> dict[str, Any]:
    """Return a message as version 3 has it, with what is not looked at, too."""
    stats = {"tx": 10, "rx": 5, "conns": 1, "totconns": connections, "ereq": 0}
    return {
        "id": _AMPHORA,
        "seq": 7,
        "ver": 3,
        "listeners": {_LISTENER: {"status": "OPEN", "stats": stats}},
        "pools": {_POOL: {"status": "UP", "members": {_MEMBER: state}}},
    }


def _signed(content: bytes, key: str = _KEY) -> bytes:
    return content + hmac.new(key.encode(), content, hashlib.sha256).hexdigest().encode()


def _datagram(message: object, key: str = _KEY) -> bytes:
    return _signed(zlib.compress(json.dumps(message).encode(), 9), key)


def test_a_heartbeat_is_read() -> None:
    heartbeat = heartbeats.decode(_datagram(_message(3, "UP")), _KEY)

    assert heartbeat.id == _AMPHORA
    assert heartbeat.listeners[_LISTENER].status == "OPEN"
    assert heartbeat.listeners[_LISTENER].stats["totconns"] == 3
    assert heartbeat.pools[_POOL].members == {_MEMBER: "UP"}


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        (_datagram(_message(3, "UP"), "another key"), "not signed with the controller's key"),
        (_datagram(_message(3, "UP"))[1:], "not signed"),
        (b"", "not signed"),
        (_signed(b"not compressed"), "cannot be read"),
        (_signed(zlib.compress(b"not JSON")), "cannot be read"),
        (_datagram({"id": _AMPHORA}), "cannot be read"),
        (_datagram([]), "cannot be read"),
    ],
    # Two workers that share the tests have to call them the same.
    ids=["another key", "cut", "empty", "not compressed", "not JSON", "no fields", "a list"],
)
def test_what_is_no_heartbeat_is_refused(datagram: bytes, message: str) -> None:
    with pytest.raises(heartbeats.HeartbeatError, match=message):
        heartbeats.decode(datagram, _KEY)


def test_a_heartbeat_that_grows_without_end_is_refused() -> None:
    bomb = b'{"id": "' + b"x" * 64 * 1024 * 1024 + b'"}'

    with pytest.raises(heartbeats.HeartbeatError, match="cannot be read"):
        heartbeats.decode(_signed(zlib.compress(bomb, 9)), _KEY)


@pytest.fixture
def inbox() -> Iterator[heartbeats.Inbox]:
    inbox = heartbeats.Inbox("127.0.0.1", 0, _KEY)
    yield inbox
    inbox.close()


def _send(inbox: heartbeats.Inbox, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, inbox.address)


def test_counters_add_up_and_the_newest_state_counts(inbox: heartbeats.Inbox) -> None:
    assert inbox.member(_AMPHORA, _POOL, _MEMBER) == ""

    other = _message(100, "DRAIN") | {"id": str(uuid.uuid4())}
    _send(inbox, _datagram(_message(3, "UP")), _datagram(_message(4, "DOWN")), _datagram(other))

    assert inbox.total(_AMPHORA, _LISTENER, "totconns") == 7
    assert inbox.member(_AMPHORA, _POOL, _MEMBER) == "DOWN"
    assert inbox.member(_AMPHORA, _POOL, "unknown") == ""
    assert inbox.total(_AMPHORA, "unknown", "totconns") == 0


def test_what_is_refused_is_remembered(inbox: heartbeats.Inbox) -> None:
    _send(inbox, _datagram(_message(3, "UP"), "another key"))

    assert inbox.of(_AMPHORA) == []
    assert inbox.faults == ["a heartbeat is not signed with the controller's key"]
