"""A network segment on which machines, clients and servers meet.

It is a bridge with addresses of its own: clients and servers are processes here, machines hang on
tap devices. Root of a workshop may make both, and they go with the workshop.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json

from ..host import process

_TIMEOUT_S = 10.0
# Without an address of its own a bridge takes its lowest port's, another one with the next port:
# machines would not know it any more.
_BRIDGE_MAC = "52:54:00:0a:4d:10"


@dataclasses.dataclass(frozen=True)
class Segment:
    """A segment.

    Attributes:
        bridge: Name of the bridge.
        network: Its addresses. The first is the bridge's own, from which requests go out.
    """

    bridge: str
    network: ipaddress.IPv4Network

    @property
    def gateway(self) -> str:
        """The bridge's own address."""
        return self.address(1)

    def address(self, number: int) -> str:
        """Return the address with a number."""
        return str(self.network[number])

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
        """Return the card (its MAC) that answered for an address last; empty if none did."""
        words = ["ip", "-json", "neighbour", "show", "to", address, "dev", self.bridge]
        found = json.loads(process.run(words, timeout_s=_TIMEOUT_S).stdout or "[]")
        return str(found[0].get("lladdr", "")) if found else ""


def lay(bridge: str, network: str) -> Segment:
    """Make a segment.

    Args:
        bridge: Name of the bridge to make.
        network: IPv4 network, such as ``198.51.100.0/24``.

    Raises:
        errors.CommandError: The kernel refuses.
        errors.ToolMissing: iproute2 is not installed.
    """
    _ip("link", "add", bridge, "address", _BRIDGE_MAC, "type", "bridge")
    _ip("link", "set", bridge, "up")
    segment = Segment(bridge, ipaddress.IPv4Network(network))
    segment.claim(1)
    return segment


def _ip(*words: str) -> None:
    process.run(["ip", *words], timeout_s=_TIMEOUT_S)
