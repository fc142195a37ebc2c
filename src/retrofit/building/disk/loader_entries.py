"""Entries of boot menus in files of their own, as the Red Hat family has them.

Their form is that of the Boot Loader Specification
(https://uapi-group.org/specifications/specs/boot_loader_specification/), of GRUB's command blscfg.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterable, Mapping

from ...host import rootfs

DIRECTORY = "/boot/loader/entries"
_SUFFIX = ".conf"
# In bytes; the entries of a system have some hundred each.
_MAX_SIZE = 64 * 1024
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PARTS = re.compile(r"[0-9]+|[a-z]+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of a boot menu.

    Attributes:
        identifier: Name of its file, without the suffix.
        kernel: Path on the file system of ``/boot``; empty if it names none.
        initrds: Likewise, of its initial ramdisks.
        arguments: What the kernel is told.
    """

    identifier: str
    kernel: str
    initrds: tuple[str, ...]
    arguments: tuple[str, ...]


def read(tree: pathlib.Path, variables: Mapping[str, str]) -> list[Entry]:
    """Return the entries of a system, that of the newest kernel first.

    Args:
        tree: The system, with ``/boot`` in its place.
        variables: GRUB's, which may stand in options; others count as empty, as they do there.
    """
    found = []
    for path in rootfs.entries(tree, DIRECTORY):
        name = path.rpartition("/")[2]
        file = rootfs.resolve(tree, path)
        if name.endswith(_SUFFIX) and file.is_file() and file.stat().st_size <= _MAX_SIZE:
            text = file.read_text(encoding="utf-8", errors="replace")
            found.append(parse(name.removesuffix(_SUFFIX), text, variables))
    return sorted(found, key=lambda one: _order(one.identifier), reverse=True)


def parse(identifier: str, text: str, variables: Mapping[str, str]) -> Entry:
    """Return the entry of a file."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[2], "")

    kernel, initrds, arguments = "", [], []
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        words = _words(_VARIABLE.sub(value, rest))
        match key:
            case "linux" if words:
                kernel = words[0]
            case "initrd":
                initrds += words
            case "options":
                arguments += words
    return Entry(identifier, kernel, tuple(initrds), tuple(arguments))


def default(entries: Iterable[Entry], saved: str) -> Entry | None:
    """Return the entry that is started when nobody chooses: the saved one, or the first."""
    entries = list(entries)
    chosen = next((one for one in entries if one.identifier == saved), None)
    return chosen or next(iter(entries), None)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _order(identifier: str) -> list[tuple[int, int, str]]:
    """Return a key by which versions sort as rpm does: numbers as numbers, and after words."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in _PARTS.findall(identifier)
    ]
