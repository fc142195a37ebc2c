"""How a system says from inside that it came up, on its machine's second serial port.

The script goes with the vendor data of the config drive, so what a service gives stays as it is.
cloud-init runs it while the boot still goes on, hence the unit of its own that waits for the end.
After the report follows what the journal gets of some services, as long as the machine runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from . import own_checks

_SCRIPT = """\
#!/bin/sh
if [ "$1" != report ]; then
    exec systemd-run --no-block --unit=boot-report "$0" report
fi
exec >{port} 2>&1
echo "state $(systemctl is-system-running --wait)"
for unit in $(systemctl list-units --state=failed --plain --no-legend | cut -d ' ' -f 1); do
    # What the unit itself wrote says more than what systemd says of it.
    for words in _SYSTEMD_UNIT="$unit" --unit="$unit"; do
        last=$(journalctl "$words" --boot --quiet --lines=1 --output=cat | tr '\\n' ' ')
        [ -z "$last" ] || break
    done
    echo "failed $unit $last"
done
echo "units $(systemctl list-units --state=active --plain --no-legend | wc -l)"
echo "cloud-init $(cloud-init status --long | tr '\\n' ' ')"
{own}echo "root $(df --block-size=1 --output=size / | tail -n 1)"
firmware=bios
[ ! -d /sys/firmware/efi ] || firmware=uefi
! journalctl --dmesg --quiet | grep -q 'Secure boot enabled' || firmware=secure-boot
echo "firmware $firmware"
echo "clock $(date +%s)"
echo "{end}"
"""
# The unit goes first, as what a program that could not be started says has another's name.
_FOLLOW = """\
journalctl --follow --lines=0 --quiet --output=with-unit |
    grep --line-buffered --extended-regexp '{words}'
"""
_END = "end"


@dataclasses.dataclass(frozen=True)
class Report:
    """What a system said at the end of its boot.

    Attributes:
        state: What ``systemctl is-system-running`` said: ``running``, ``degraded``, …
        failed: Name of each failed unit, and the last line it wrote.
        units: How many units are active.
        cloud_init: What ``cloud-init status --long`` said, in one line.
        root: Bytes of the root file system.
        clock: Its time, in seconds since 1970.
        firmware: What started it, as its kernel sees it: ``bios``, ``uefi``, ``secure-boot``.
        own: How each of the operator's checks ended, by their names.
    """

    state: str
    failed: tuple[tuple[str, str], ...]
    units: int
    cloud_init: str
    root: int
    clock: int
    firmware: str
    own: Mapping[str, own_checks.Outcome] = dataclasses.field(default_factory=dict)


def script(port: str, *, own: Iterable[own_checks.OwnCheck] = (), services: str = "") -> str:
    """Return the script that reports on a serial port, for cloud-init to run.

    Args:
        port: The serial port.
        own: Checks of the operator's to make there.
        services: What lines of the journal have that follow the report: an extended regular
            expression; empty if none follow.
    """
    text = _SCRIPT.replace("{port}", port).replace("{end}", _END)
    text = text.replace("{own}", own_checks.script(own))
    return text + _FOLLOW.replace("{words}", services) if services else text


def parse(lines: list[str]) -> Report | None:
    """Return what a report says; ``None`` while it is not complete."""
    if _END not in lines:
        return None
    said: dict[str, str] = {}
    failed = []
    own = {}
    for line in lines[: lines.index(_END)]:
        key, _, rest = line.partition(" ")
        if key == "failed":
            unit, _, last = rest.partition(" ")
            failed.append((unit, last))
        if key == "check":
            name, outcome = own_checks.parse(rest)
            own[name] = outcome
        said[key] = rest.strip()
    return Report(
        state=said.get("state", ""),
        failed=tuple(failed),
        units=_number(said.get("units", "")),
        cloud_init=said.get("cloud-init", ""),
        root=_number(said.get("root", "")),
        clock=_number(said.get("clock", "")),
        firmware=said.get("firmware", ""),
        own=own,
    )


def journal(lines: list[str]) -> list[str]:
    """Return the lines of the journal that follow a report."""
    return lines[lines.index(_END) + 1 :] if _END in lines else []


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
