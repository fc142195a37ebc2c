"""Which elements a list of elements needs, as diskimage-builder counts them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from diskimage_builder import element_dependencies

from ... import errors
from ...host import process


@dataclasses.dataclass(frozen=True, order=True)
class Element:
    """One element: its name and the directory it is in."""

    name: str
    path: pathlib.Path


def search_paths(root: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Return the directories of elements below ``root``, the one looked up first in front."""
    return tuple(sorted(path for path in root.iterdir() if path.is_dir()))


def expand(names: Sequence[str], paths: Sequence[pathlib.Path]) -> tuple[Element, ...]:
    """Return the elements named and all they depend on, sorted by name.

    Args:
        names: Elements wanted; exactly one of them, or of what they need, provides
            ``operating-system``.
        paths: Directories that hold elements; an element in an earlier one hides its namesakes.

    Raises:
        errors.InputMissing: An element, or one that it needs, is in none of the directories.
        errors.ConfigError: The elements cannot be combined.
    """
    try:
        found = element_dependencies.get_elements(list(names), ":".join(map(process.plain, paths)))
    except element_dependencies.MissingElementException as missing:
        name = str(missing).split("'")[1]
        raise errors.InputMissing(
            f"unknown element {name!r}" + _wanted_by(name, names, paths),
            hint="correct the name, or set the directory of the element with --elements-path",
        ) from missing
    except element_dependencies.AlreadyProvidedException as twice:
        raise errors.ConfigError(
            f"the elements {', '.join(names)} cannot be combined: "
            + (str(twice) or _provided_twice(names, paths)),
            hint="remove the elements that build an operating system: the base image has one",
        ) from twice
    except element_dependencies.MissingOSException as missing:
        raise errors.ConfigError(
            f"none of the elements {', '.join(names)} provides operating-system"
        ) from missing
    return tuple(sorted(Element(name, pathlib.Path(path).absolute()) for name, path in found))


def _provided_twice(names: Sequence[str], paths: Sequence[pathlib.Path]) -> str:
    """Say which of the named elements another one stands for already."""
    provided = {
        word: directory.name
        for path in paths
        for directory in path.iterdir()
        for word in _words(directory / "element-provides")
        if directory.name in names
    }
    both = [f"{provided[name]} stands for {name}" for name in names if name in provided]
    return ", ".join(both)


def _wanted_by(name: str, names: Sequence[str], paths: Sequence[pathlib.Path]) -> str:
    """Say which element needs a missing one, unless the user asked for it."""
    if name in names:
        return ""
    needing = sorted(
        directory.name
        for path in paths
        for directory in path.iterdir()
        if name in _words(directory / "element-deps")
    )
    return f", which {needing[0]} needs" if needing else ""


def _words(path: pathlib.Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.is_file() else []
