"""What members of a UDP or SCTP listener have in common, whatever they speak."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import itertools
import json
import select
import socket
import threading
import time
from collections.abc import Callable

from .... import errors

_POLL_S = 0.2
_LONGEST = 65535
# Seconds until a client sends its packet again, as those of SCTP do (RTO.Initial of RFC 4960, 15),
# and until it gives up. Emulated machines on busy processors lose packets, and answer late.
_REPEAT_S, _PATIENCE_S = 3.0, 60.0
# Ports of clients (RFC 6335, 6), each taken once: to the amphora, which remembers for minutes, a
# second client from the same port is the first one, and the same member's.
_PORTS = itertools.cycle(range(49152, 65536))


class Unanswered(errors.RetrofitError):
    """A client got no answer, or none of a member's."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a member tells a client.

    Attributes:
        backend: Name of the member.
        client: Address that the member took for the client's.
    """

    backend: str
    client: str

    def encode(self) -> bytes:
        """Return the answer as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()


def decode(data: bytes) -> Answer:
    """Return what :meth:`Answer.encode` encoded.

    Raises:
        Unanswered: It is something else.
    """
    try:
        return Answer(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise Unanswered(f"an answer of nobody's: {data[:100]!r}") from error


def client_port() -> int:
    """Return a port that no client has come from for a long time."""
    return next(_PORTS)


def exchange(
    asking: socket.socket, send: Callable[[], object], read: Callable[[bytes], Answer | None]
) -> Answer:
    """Send a packet until it is answered.

    The answer is one member's however often that takes: to the amphora, what comes from one port
    is one connection.

    Args:
        asking: Where the answer arrives.
        send: Sends the packet.
        read: Returns the answer that a packet holds; ``None`` if it holds none.

    Raises:
        TimeoutError: Nobody answers.
        OSError: The packet does not get there.
    """
    began = time.monotonic()
    while (sent := time.monotonic()) < began + _PATIENCE_S:
        send()
        while (left := sent + _REPEAT_S - time.monotonic()) > 0:
            asking.settimeout(left)
            try:
                answer = read(asking.recv(_LONGEST))
            except TimeoutError:
                break
            if answer is not None:
                return answer
    raise TimeoutError(f"no answer within {_PATIENCE_S:.0f} s")


@dataclasses.dataclass(frozen=True)
class Transport:
    """How a protocol is spoken.

    Attributes:
        serve: Makes a member, which answers from then on: name, address, port.
        ask: Has a client ask once: its own address, and address and port of the listener. It
            raises :class:`Unanswered` or an :class:`OSError`.
        obstacle: Returns why this machine cannot speak it; empty if it can.
    """

    serve: Callable[[str, str, int], Member]
    ask: Callable[[str, str, int], Answer]
    obstacle: Callable[[], str]


class Member(abc.ABC):
    """A member that answers each packet as long as it is up.

    Args:
        name: What it calls itself.
        address: Where it listens.
        port: Port there.
    """

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.address = address
        self.port = port
        self._end: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self.bring_up()

    def bring_up(self) -> None:
        """Answer."""
        listening, end = self._listen(), threading.Event()
        thread = threading.Thread(target=self._answer, args=(listening, end), daemon=True)
        self._end, self._thread = end, thread
        thread.start()

    def take_down(self) -> None:
        """Answer no more; does nothing to a member that is down."""
        if self._end is None or self._thread is None:
            return
        self._end.set()
        self._thread.join()
        self._end = self._thread = None

    @abc.abstractmethod
    def _listen(self) -> socket.socket:
        """Return a socket that gets the packets."""

    @abc.abstractmethod
    def _reply(self, packet: bytes, client: str) -> bytes | None:
        """Return what a packet is answered with; ``None`` for nothing."""

    def _answer(self, listening: socket.socket, end: threading.Event) -> None:
        with contextlib.closing(listening):
            while not end.is_set():
                if not select.select([listening], [], [], _POLL_S)[0]:
                    continue
                # Of an earlier answer to somebody who has gone, the kernel tells here.
                with contextlib.suppress(OSError):
                    packet, client = listening.recvfrom(_LONGEST)
                    if reply := self._reply(packet, client[0]):
                        listening.sendto(reply, client)
