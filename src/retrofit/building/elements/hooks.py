"""The hooks directory: scripts and files of all elements of a build, merged.

diskimage-builder copies what stands in each element into one directory, so that scripts of a
phase run in one order over all elements, and scripts find other elements' files beside them.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
from collections.abc import Collection, Sequence

from ... import errors
from . import dependencies

# Where scripts see the directories that a build collects for them.
LIBRARY = "/tmp/retrofit"
ENVIRONMENT = "environment.d"
EXTRA_DATA = "extra-data.d"
CLEANUP = "cleanup.d"
# diskimage-builder runs these on the build machine, on the tree of the image; a build runs them in
# the image. Those of diskimage-builder's own elements make a new system, or clean up after that.
OUTSIDE = ("root.d", "post-root.d", "pre-finalise.d", CLEANUP)
PHASES = (
    "root.d",
    EXTRA_DATA,
    *("pre-install.d", "install.d", "post-install.d"),
    *("post-root.d", "pre-finalise.d", "finalise.d", CLEANUP),
)
# What diskimage-builder's dib-run-parts accepts as a name; others, such as editors' backups, are
# left alone.
SCRIPT_NAME = re.compile(r"[0-9A-Za-z_-]+")
_ENVIRONMENT_NAME = re.compile(r"[0-9A-Za-z_.-]+")
_NUMBER = re.compile(r"[0-9]+")


@dataclasses.dataclass(frozen=True)
class Script:
    """A file to run or to source.

    Attributes:
        element: The element it is from.
        phase: Directory it stands in, such as ``install.d``.
        name: Its name there.
    """

    element: str
    phase: str
    name: str

    def __str__(self) -> str:
        return f"{self.phase}/{self.name} of the element {self.element}"


@dataclasses.dataclass(frozen=True)
class Hooks:
    """A hooks directory.

    Attributes:
        path: The directory.
        owners: Which element each entry of it, such as ``install.d/10-foo``, is from.
    """

    path: pathlib.Path
    owners: dict[str, str]

    def scripts(self, phase: str) -> tuple[Script, ...]:
        """Return the scripts of a phase that would run, in that order."""
        names = [
            entry.name
            for entry in self._entries(phase)
            if SCRIPT_NAME.fullmatch(entry.name) and os.access(entry, os.X_OK)
        ]
        return self._in_order(phase, names)

    def environment(self) -> tuple[Script, ...]:
        """Return the files to source before a phase, in order."""
        names = [
            entry.name
            for entry in self._entries(ENVIRONMENT)
            if _ENVIRONMENT_NAME.fullmatch(entry.name)
        ]
        return self._in_order(ENVIRONMENT, names)

    def programs(self, elements: Collection[str]) -> tuple[str, ...]:
        """Return the names of the programs that some of the elements bring."""
        names = sorted(entry.name for entry in self._entries("bin"))
        return tuple(name for name in names if self._owner("bin", name) in elements)

    def _entries(self, phase: str) -> list[pathlib.Path]:
        directory = self.path / phase
        return (
            [path for path in directory.iterdir() if path.is_file()] if directory.is_dir() else []
        )

    def _in_order(self, phase: str, names: list[str]) -> tuple[Script, ...]:
        return tuple(
            Script(self._owner(phase, name), phase, name) for name in sorted(names, key=order)
        )

    def _owner(self, phase: str, name: str) -> str:
        """Return the element of a script; install-types links scripts up from a directory."""
        path = self.path / phase / name
        inside = f"{phase}/{os.readlink(path)}" if path.is_symlink() else f"{phase}/{name}"
        entry = "/".join(pathlib.PurePosixPath(inside).parts[:2])
        return self.owners.get(entry, "operating-system")


def order(name: str) -> tuple[int, bytes]:
    """Sort key of a script's name: ``sort -n``, which is by number and then by bytes."""
    number = _NUMBER.match(name)
    return (int(number.group()) if number else 0, name.encode())


def merge(elements: Sequence[dependencies.Element], into: pathlib.Path) -> Hooks:
    """Copy what stands in each element into one new directory.

    Raises:
        errors.ConfigError: Two elements bring a script of the same name in the same phase.
    """
    into.mkdir()
    owners: dict[str, str] = {}
    for element in elements:
        for entry in sorted(element.path.iterdir()):
            if entry.name in ("tests", "__pycache__"):
                continue
            if not entry.is_dir():
                shutil.copy2(entry, into / entry.name, follow_symlinks=False)
                continue
            _merge_directory(entry, into / entry.name, element.name, owners)
    return Hooks(into, owners)


def _merge_directory(
    source: pathlib.Path, target: pathlib.Path, element: str, owners: dict[str, str]
) -> None:
    """Copy one directory of an element, such as ``install.d``."""
    target.mkdir(exist_ok=True)
    for entry in sorted(source.iterdir()):
        where = f"{source.name}/{entry.name}"
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, target / entry.name, symlinks=True, dirs_exist_ok=True)
            owners.setdefault(where, element)
            continue
        if where in owners:
            raise errors.ConfigError(
                f"the elements {owners[where]} and {element} both have {where}",
                hint="rename the file in one element, or remove one element",
            )
        shutil.copy2(entry, target / entry.name, follow_symlinks=False)
        owners[where] = element
