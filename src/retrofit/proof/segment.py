"""A network segment on which machines, clients and servers meet.

It is a bridge with addresses of its own: clients and servers are processes here, machines hang on
tap devices. Root of a workshop may make both, and they go with the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import json
import pathlib
import socket
import time

from ..host import process

_TIMEOUT_S = 10.0
# Emulated machines on busy processors take seconds for an answer.
_OWNER_TIMEOUT_S = 30.0
_POLL_S = 0.5
# Where nothing is expected of what arrives (RFC 863).
_DISCARD = 9
# Without an address of its own a bridge takes its lowest port's, another one with the next port:
# machines would not know it any more.
_BRIDGE_MAC = "52:54:00:0a:4d:10"
# Is there where the kernel speaks IPv6.
_IPV6 = pathlib.Path("/proc/net/if_inet6")


@dataclasses.dataclass(frozen=True)
class Segment:
    """A segment.

    Attributes:
        bridge: Name of the bridge.
        network: Its addresses. The first is the bridge's own, from which requests go out.
        network6: Its IPv6 addresses, likewise; ``None`` if this kernel speaks no IPv6.
    """

    bridge: str
    network: ipaddress.IPv4Network
    network6: ipaddress.IPv6Network | None = None

    @property
    def gateway(self) -> str:
        """The bridge's own address."""
        return self.address(1)

    def address(self, number: int) -> str:
        """Return the address with a number."""
        return str(self.network[number])

    def address6(self, number: int) -> str:
        """Return the IPv6 address with a number; empty if this kernel speaks no IPv6."""
        return str(self.network6[number]) if self.network6 else ""

    def claim(self, number: int) -> str:
        """Have a server here listen at an address, and return it."""
        address = self.address(number)
        _ip("address", "add", f"{address}/{self.network.prefixlen}", "dev", self.bridge)
        return address

    def tap(self, name: str) -> str:
        """Make the device that a machine's network card is plugged into, and return its name."""
        _ip("tuntap", "add", name, "mode", "tap")
        _ip("link", "set", name, "master", self.bridge, "up")
        return name

    def owner(self, address: str) -> str:
        """Return the card (its MAC) that answers for an address; empty if none does.

        What the kernel knows of it, it forgets at times; then it is made to ask.
        """
        deadline = time.monotonic() + _OWNER_TIMEOUT_S
        while not (mac := self._known_owner(address)) and time.monotonic() < deadline:
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
                asking.sendto(b"", (address, _DISCARD))
            time.sleep(_POLL_S)
        return mac

    def _known_owner(self, address: str) -> str:
        words = ["ip", "-json", "neighbour", "show", "to", address, "dev", self.bridge]
        found = json.loads(process.run(words, timeout_s=_TIMEOUT_S).stdout or "[]")
        return str(found[0].get("lladdr", "")) if found else ""


def lay(bridge: str, network: str, network6: str) -> Segment:
    """Make a segment.

    Args:
        bridge: Name of the bridge to make.
        network: IPv4 network, such as ``198.51.100.0/24``.
        network6: IPv6 network, such as ``2001:db8::/64``.

    Raises:
        errors.CommandError: The kernel refuses.
        errors.ToolMissing: iproute2 is not installed.
    """
    _ip("link", "add", bridge, "address", _BRIDGE_MAC, "type", "bridge")
    _ip("link", "set", bridge, "up")
    spoken = ipaddress.IPv6Network(network6) if _IPV6.exists() else None
    segment = Segment(bridge, ipaddress.IPv4Network(network), spoken)
    segment.claim(1)
    if spoken:
        # Nobody else is there yet who could have the address.
        _ip("address", "add", f"{spoken[1]}/{spoken.prefixlen}", "dev", bridge, "nodad")
    return segment


def _ip(*words: str) -> None:
    process.run(["ip", *words], timeout_s=_TIMEOUT_S)
