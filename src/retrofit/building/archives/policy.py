"""Which packages apt would upgrade, going by its policy: pins, suites and versions.

``apt-cache policy`` is asked rather than ``apt-get --simulate``, so what packages depend on does
not count: a package that cannot be upgraded for that is told all the same.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ... import model
from . import security

PROGRAM = "apt-cache"
# A build does not write boot sectors, nor loaders on the EFI system partition. So their packages
# stay as they are, too: apt's own patterns of names.
BOOT_LOADERS = ("grub-*", "grub2-*", "shim-*")

# Runs apt-cache with further words, and returns what it writes.
Ask = Callable[[Sequence[str]], str]

_FILE = re.compile(r" +-?\d+ (?P<name>.+)")
_RELEASE = re.compile(r" +release (?P<fields>.+)")
_PACKAGE = re.compile(r"(?m)^(\S+):$")
_CANDIDATE = re.compile(r"  Candidate: (?P<version>\S+)")
_VERSION = re.compile(r" (?P<installed>\*\*\*|   ) (?P<version>\S+) -?\d+.*")


@dataclasses.dataclass(frozen=True)
class Upgrade:
    """A package of which the archives have a newer version.

    Attributes:
        name: Its name.
        architecture: Debian's name of its architecture, or ``all``.
        installed: The version that is installed.
        candidate: The version that apt would install.
        security: Whether a security pocket has that version, or one between the two.
    """

    name: str
    architecture: str
    installed: str
    candidate: str
    security: bool


@dataclasses.dataclass(frozen=True)
class _Newer:
    """What is newer than an installed package.

    Attributes:
        candidate: The version that apt would install.
        files: The indexes that have it, or one between the two.
    """

    candidate: str
    files: frozenset[str]


def upgrades(
    ask: Ask, packages: Iterable[model.Package], architecture: str
) -> tuple[Upgrade, ...]:
    """Return what apt would upgrade, sorted by name and architecture.

    Args:
        ask: Runs an apt-cache that has fetched lists, and for which the packages are installed.
        packages: What is installed.
        architecture: The system's own.
    """
    installed = {label(package, architecture): package for package in packages}
    if not installed:
        return ()
    _, *sections = _PACKAGE.split(ask(["policy", *sorted(installed)]))
    newer = {
        installed[name]: found
        for name, table in zip(sections[::2], sections[1::2], strict=True)
        if name in installed
        and not _is_boot_loader(installed[name].name)
        and (found := _newer(installed[name], table.splitlines())) is not None
    }
    # Only this question's answer has the releases of the files that tables name.
    safe = frozenset(_security_files(ask(["policy"]))) if newer else frozenset()
    return tuple(
        Upgrade(
            package.name,
            package.architecture,
            package.version,
            found.candidate,
            security=not safe.isdisjoint(found.files),
        )
        for package, found in sorted(
            newer.items(), key=lambda item: (item[0].name, item[0].architecture)
        )
    )


def label(package: model.Package | Upgrade, architecture: str) -> str:
    """Name a package as apt does on a system of an architecture."""
    if package.architecture in ("all", architecture):
        return package.name
    return f"{package.name}:{package.architecture}"


def _is_boot_loader(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in BOOT_LOADERS)


def _security_files(answer: str) -> Iterator[str]:
    """Yield the indexes of security pockets, named as in tables of versions."""
    name = ""
    for line in answer.splitlines():
        if release := _RELEASE.fullmatch(line):
            fields = dict(field.partition("=")[::2] for field in release["fields"].split(","))
            if security.is_security(fields.get("a", ""), fields.get("l", "")):
                yield name
        elif file := _FILE.fullmatch(line):
            name = file["name"]


def _newer(package: model.Package, lines: Sequence[str]) -> _Newer | None:
    """Read a package's table of versions, which has the newest first.

    The installed version may stand in it twice: what a manifest does not say of it makes it
    another one for apt.
    """
    candidate, version = "", ""
    newer = False
    files = set()
    for line in lines:
        if match := _CANDIDATE.fullmatch(line):
            candidate = match["version"]
        elif match := _VERSION.fullmatch(line):
            version = match["version"]
            if version == package.version:
                break
            newer = newer or version == candidate
        elif newer and (file := _FILE.fullmatch(line)):
            files.add(file["name"])
    return _Newer(candidate, frozenset(files)) if newer else None
