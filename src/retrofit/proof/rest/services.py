"""Services that a boot has to start, and others that it must not."""

from __future__ import annotations

import shlex

from ...model import findings
from .. import subject
from . import reading, units

_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Characters before the path of a program that say how it is run, in systemd.service(5).
_PREFIXES = "-@:+!|"


def enabled(*services: str) -> subject.Check:
    """Services are enabled for something that a boot starts, and can be started.

    Args:
        services: Names of units; ``a|b`` is one that has two names.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        known = units.Units(image.tree)
        started = known.started()
        for service in services:
            names = service.split("|")
            faults = [_fault(image, known, started, name) for name in names]
            if all(faults):
                return findings.failed(faults[0])
        return findings.passed(", ".join(service.partition("|")[0] for service in services))

    return subject.Check("services enabled", look)


def _fault(image: subject.Subject, known: units.Units, started: dict[str, str], name: str) -> str:
    """Say why a boot does not start a service; nothing if it does."""
    unit = known.find(name)
    if unit is None:
        return f"{name} is missing"
    if unit.masked:
        return f"{name} is masked ({unit.path})"
    if not started.get(unit.name):
        return f"{name} is not enabled: no unit that the boot starts depends on it"
    for wanted in " ".join(unit.values("Unit", "Requires")).split():
        other = known.find(wanted)
        if wanted.endswith(".service") and (other is None or other.masked):
            state = "missing" if other is None else "masked"
            return f"{name} requires {wanted}, which is {state}"
    # What a unit checks by itself may be missing.
    optional = unit.values("Unit", "ConditionFileIsExecutable")
    for command in unit.values("Service", "ExecStart"):
        program = words(command)[0]
        if program not in optional and not has_program(image, program):
            return f"{name} starts {program}, which is missing or cannot be executed"
    return ""


def words(command: str) -> list[str]:
    """Split a command of a service; at least one word, which is the program."""
    try:
        first, *rest = shlex.split(command)
    except ValueError:
        first, *rest = command.split()
    return [first.lstrip(_PREFIXES), *rest]


def has_program(image: subject.Subject, program: str) -> bool:
    """Tell whether the image has a program, named by path or only by name."""
    places = [program] if "/" in program else [f"{at}/{program}" for at in _PATH]
    return any(reading.is_program(image.tree, place) for place in places)


def off_by_default(*services: str) -> subject.Check:
    """Services are there, and a boot does not start them by itself."""

    def look(image: subject.Subject) -> findings.Verdict:
        known = units.Units(image.tree)
        started = known.started()
        for name in services:
            unit = known.find(name)
            if unit is not None and unit.name in started:
                by = started[unit.name] or "another unit"
                return findings.failed(f"the boot starts {name} (because of {by})")
        return findings.passed(", ".join(services))

    return subject.Check("services off by default", look)
