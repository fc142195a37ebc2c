"""Packages that an element is to remove, and that another element brings: they stay."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from . import dependencies, hooks

_LISTS = ("package-installs.json", "package-installs.yaml")
_CONDITION = re.compile(r"\s*(\w+)\s*(!?=)\s*(.*?)\s*")


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of a list of packages.

    Attributes:
        package: The package.
        element: The element with the list.
        removes: Whether the package is to go.
        phase: In which phase.
    """

    package: str
    element: str
    removes: bool
    phase: str


def overruled(
    elements: Iterable[dependencies.Element], variables: Mapping[str, str]
) -> Iterator[tuple[Entry, Entry]]:
    """Yield each removal that has no effect, and what brings the package.

    Args:
        elements: Those that a build applies.
        variables: Those of the build, for conditions of entries.
    """
    entries = [entry for element in elements for entry in _entries(element, variables)]
    for removal in entries:
        if not removal.removes:
            continue
        for other in entries:
            later = hooks.PHASES.index(other.phase) >= hooks.PHASES.index(removal.phase)
            if other.package == removal.package and not other.removes and later:
                yield removal, other
                break


def _entries(element: dependencies.Element, variables: Mapping[str, str]) -> Iterator[Entry]:
    """Yield the entries that apply; of a list that cannot be read, none: its reader complains."""
    for name in _LISTS:
        content = _read(element.path / name)
        for package, given in content.items():
            for entry in given if isinstance(given, list) else [given or {}]:
                if not isinstance(entry, dict) or not _applies(entry, variables, element.name):
                    continue
                phase = entry.get("phase", "install.d")
                if phase in hooks.PHASES and "build-only" not in entry:
                    yield Entry(str(package), element.name, "uninstall" in entry, phase)


def _read(file: pathlib.Path) -> dict[Any, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _applies(entry: Mapping[str, Any], variables: Mapping[str, str], element: str) -> bool:
    """Tell whether an entry counts, as far as variables decide that."""
    default = variables.get("DIB_DEFAULT_INSTALLTYPE", "source")
    kind = variables.get(f"DIB_INSTALLTYPE_{element.replace('-', '_')}", default)
    if entry.get("installtype", kind) != kind:
        return False
    conditions = entry.get("when") or []
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        found = _CONDITION.fullmatch(str(condition))
        if found is None or found[1] not in variables:
            continue
        if (variables[found[1]] == found[3]) != (found[2] == "="):
            return False
    return True
