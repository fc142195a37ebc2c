"""Whether a firewall in an image keeps clients from a port of its service."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...model import findings
from .. import subject
from . import reading, units

# Each service that sets up a firewall at boot, where its rules are, and what in them drops
# everything that no rule lets in.
_RULES = {
    "nftables.service": (
        ("/etc/nftables.conf",),
        r"\bpolicy\s+drop\b|^\s*(?:drop|reject)\s*;?\s*$",
    ),
    "netfilter-persistent.service": (
        ("/etc/iptables/rules.v4", "/etc/iptables/rules.v6"),
        r"^:INPUT\s+DROP\b|^-P\s+INPUT\s+DROP\b|^-A\s+INPUT\s+-j\s+(?:DROP|REJECT)\b",
    ),
    # It drops what it does not know by itself.
    "ufw.service": (("/etc/ufw/user.rules", "/etc/ufw/user6.rules"), ""),
    "firewalld.service": (("/etc/firewalld/zones/public.xml",), ""),
}
_UFW = "/etc/ufw/ufw.conf"
_UFW_ON = re.compile(r"^\s*ENABLED\s*=\s*[\"']?yes", re.MULTILINE | re.IGNORECASE)


def firewall(port: int) -> subject.Check:
    """No firewall that the boot starts drops what comes to a TCP port.

    Rules are not interpreted: it is enough that one of them names the port.

    Args:
        port: The port.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        for fault in _faults(image, port):
            return findings.failed(fault)
        return findings.passed(f"none keeps clients from port {port}")

    return subject.Check("firewall", look)


def _faults(image: subject.Subject, port: int) -> Iterator[str]:
    """Yield why clients would not reach the port."""
    started = units.Units(image.tree).started()
    for service, (paths, dropping) in _RULES.items():
        if service not in started or (service == "ufw.service" and not _ufw_is_on(image)):
            continue
        rules = [reading.text(image.tree, path) or "" for path in paths]
        drops = not dropping or any(re.search(dropping, text, re.MULTILINE) for text in rules)
        if drops and not any(re.search(rf"\b{port}\b", text) for text in rules):
            yield f"the boot starts {service}, whose rules do not let clients reach port {port}"


def _ufw_is_on(image: subject.Subject) -> bool:
    return _UFW_ON.search(reading.text(image.tree, _UFW) or "") is not None
