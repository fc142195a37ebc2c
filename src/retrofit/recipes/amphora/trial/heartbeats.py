"""What amphorae report to their controller: datagrams with states and counters.

A datagram is compressed JSON and, behind it, its HMAC-SHA256 under the controller's key as
hexadecimal digits (Octavia's ``health_daemon/status_message.py``). Counters are what came since
the heartbeat before (``health_daemon.py``, version 3 of the message).
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import zlib

import pydantic

from .... import errors

_DIGEST_LENGTH = hashlib.sha256().digest_size * 2
_DATAGRAM = 65536
# Of a machine that is not trusted: a few kilobytes of zeros may stand for gigabytes.
_LONGEST = 1024 * 1024


class HeartbeatError(errors.RetrofitError):
    """A datagram is no heartbeat that can be trusted."""


class Listener(pydantic.BaseModel):
    """State of a listener.

    Attributes:
        status: ``OPEN`` if it takes connections.
        stats: Counters: ``totconns``, ``rx``, ``tx``, ``ereq``; ``conns`` is how many are open.
    """

    status: str
    stats: dict[str, int]


class Pool(pydantic.BaseModel):
    """State of a pool.

    Attributes:
        status: ``UP`` if it has a member that is.
        members: State of each member: ``UP``, ``DOWN``, ``DRAIN``, …
    """

    status: str
    members: dict[str, str]


class Heartbeat(pydantic.BaseModel):
    """What an amphora reports.

    Attributes:
        id: Its identifier.
        listeners: Its listeners.
        pools: Its pools, each once for each listener that uses it (``pool:listener``).
    """

    id: str
    listeners: dict[str, Listener]
    pools: dict[str, Pool]


def decode(datagram: bytes, key: str) -> Heartbeat:
    """Return what a heartbeat says.

    Raises:
        HeartbeatError: It is signed with another key, or holds something else.
    """
    content, digest = datagram[:-_DIGEST_LENGTH], datagram[-_DIGEST_LENGTH:]
    wanted = hmac.new(key.encode(), content, hashlib.sha256).hexdigest().encode()
    if not hmac.compare_digest(digest, wanted):
        raise HeartbeatError("a heartbeat is not signed with the controller's key")
    try:
        return Heartbeat.model_validate_json(zlib.decompressobj().decompress(content, _LONGEST))
    except (zlib.error, pydantic.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise HeartbeatError(f"a heartbeat cannot be read: {reason}") from error


class Inbox:
    """Where the heartbeats of a controller's amphorae arrive.

    Args:
        address: Where they are received.
        port: UDP port there.
        key: With what they are signed.

    Attributes:
        heartbeats: All that arrived, in order.
        faults: Why others were not taken.
    """

    def __init__(self, address: str, port: int, key: str) -> None:
        self.heartbeats: list[Heartbeat] = []
        self.faults: list[str] = []
        self._key = key
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((address, port))

    @property
    def address(self) -> tuple[str, int]:
        """Where heartbeats are received."""
        address, port = self._socket.getsockname()
        return address, port

    def close(self) -> None:
        """Receive no more."""
        self._socket.close()

    def of(self, amphora: str) -> list[Heartbeat]:
        """Return what came from an amphora until now; never waits."""
        while True:
            try:
                datagram = self._socket.recv(_DATAGRAM)
            except BlockingIOError:
                return [heartbeat for heartbeat in self.heartbeats if heartbeat.id == amphora]
            try:
                self.heartbeats.append(decode(datagram, self._key))
            except HeartbeatError as error:
                self.faults.append(error.message)

    def total(self, amphora: str, listener: str, counter: str) -> int:
        """Return the sum of a listener's counter over all heartbeats of an amphora."""
        found = (heartbeat.listeners.get(listener) for heartbeat in self.of(amphora))
        return sum(one.stats.get(counter, 0) for one in found if one is not None)

    def member(self, amphora: str, pool: str, member: str) -> str:
        """Return the newest state of a pool's member, such as ``UP``; empty if unknown."""
        heartbeats = self.of(amphora)
        found = heartbeats[-1].pools.get(pool) if heartbeats else None
        return found.members.get(member, "") if found is not None else ""
