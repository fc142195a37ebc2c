"""Whether a machine gets its network: what cloud-init writes is used, and fits any machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from ...host import rootfs
from ...model import findings
from .. import subject
from . import cloud_init, reading, units

_GENERATORS = ("/usr/lib/systemd/system-generators", "/lib/systemd/system-generators")
_SERVICES = ("systemd-networkd.service", "networking.service", "NetworkManager.service")
# What netplan writes configurations for, and has the boot start.
_OF_NETPLAN = ("systemd-networkd.service", "NetworkManager.service")
_NETPLANS = ("/etc/netplan", "/usr/lib/netplan")
_OF_ONE_MACHINE = re.compile(
    r"^\s*(?:macaddress:|MACAddress=|PermanentMACAddress=|hwaddress\s)"
    r"|ATTRS?\{address\}==|^\s*mac-address=",
    re.MULTILINE,
)
# Where somebody may have written which network card gets which name or address.
_PLACES = (
    "/etc/NetworkManager/system-connections",
    "/etc/netplan",
    "/etc/network/interfaces.d",
    "/etc/systemd/network",
    "/etc/udev/rules.d",
)
_INTERFACES = "/etc/network/interfaces"


def network() -> subject.Check:
    """Something brings interfaces up, by a configuration that fits any machine."""
    return subject.Check("network configuration", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    for fault in _faults(image):
        return findings.failed(fault)
    return findings.passed("cloud-init writes it")


def _faults(image: subject.Subject) -> Iterator[str]:
    """Yield why a machine would have no network."""
    known = units.Units(image.tree)
    started = known.started()
    netplan = any(reading.is_program(image.tree, f"{at}/netplan") for at in _GENERATORS)
    if netplan and not any(_can_start(known, name) for name in _OF_NETPLAN):
        yield f"netplan needs one of {', '.join(_OF_NETPLAN)}, which are masked or missing"
    if not netplan and not any(name in started for name in _SERVICES):
        yield f"the boot starts none of {', '.join(_SERVICES)}"
    given = cloud_init.settings(image).get("network")
    if isinstance(given, dict) and given.get("config") == "disabled":
        yield "cloud-init writes no network configuration (network: config: disabled)"
    for directory in _NETPLANS:
        for path in rootfs.entries(image.tree, directory):
            if path.endswith(".yaml") and not _is_yaml(reading.text(image.tree, path) or ""):
                yield f"{path} is not YAML, so netplan configures nothing"
    paths = [path for at in _PLACES for path in rootfs.entries(image.tree, at)]
    for path in (_INTERFACES, *paths):
        found = _OF_ONE_MACHINE.search(_without_comments(reading.text(image.tree, path) or ""))
        if found:
            yield f"{path} is for the network card of one machine ({found[0].strip()})"


def _is_yaml(text: str) -> bool:
    try:
        return isinstance(yaml.safe_load(text), dict | type(None))
    except (yaml.YAMLError, ValueError):
        return False


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _can_start(known: units.Units, name: str) -> bool:
    unit = known.find(name)
    return unit is not None and not unit.masked
