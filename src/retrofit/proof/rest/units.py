"""Units of systemd in an image, and which of them a boot starts, as systemd.unit(5) has it."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator

from ...host import rootfs
from . import reading

# By precedence; /run is empty in an image.
_DIRECTORIES = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_GENERATORS = ("/usr/lib/systemd/system-generators", "/lib/systemd/system-generators")
# What generators have a boot start beside the default target, and what keeps them from it.
_GENERATED = (("cloud-init-generator", "cloud-init.target", "/etc/cloud/cloud-init.disabled"),)
_DEFAULT = "default.target"
_STARTING = frozenset({"Wants", "Requires", "BindsTo", "Upholds"})
_LINKING = (".wants", ".requires")

Setting = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        name: Its own name, whatever alias it was found by.
        path: Its file.
        masked: Whether it is kept from ever starting.
        settings: Section, key and value of each line, drop-ins included.
    """

    name: str
    path: str
    masked: bool
    settings: tuple[Setting, ...]

    def values(self, section: str, key: str) -> list[str]:
        """Return all values of a setting; an empty one takes back those before it."""
        found: list[str] = []
        for here, name, value in self.settings:
            if (here, name) == (section, key):
                found = [*found, value] if value else []
        return found


class Units:
    """The units of an image.

    Args:
        tree: The image's files.
    """

    def __init__(self, tree: pathlib.Path) -> None:
        self._tree = tree
        self._known: dict[str, Unit | None] = {}
        self._files: dict[str, str] = {}
        self._beside: dict[str, list[str]] = collections.defaultdict(list)
        for directory in _DIRECTORIES:
            for path in rootfs.entries(tree, directory):
                name = path.rpartition("/")[2]
                if name.endswith((".d", *_LINKING)):
                    self._beside[name].append(path)
                else:
                    self._files.setdefault(name, path)

    def find(self, name: str) -> Unit | None:
        """Return a unit by its name or an alias of it; ``None`` if there is none."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Unit | None:
        path = self._files.get(name) or self._files.get(_template(name))
        if path is None:
            return None
        file = rootfs.resolve(self._tree, path, follow_last=False)
        own = name
        if file.is_symlink():
            target = os.readlink(file)
            if target == os.devnull:
                return Unit(name, path, masked=True, settings=())
            linked = target.rpartition("/")[2]
            own = name if linked == _template(name) else linked
        text = reading.text(self._tree, path)
        if text is None:
            return None
        settings = tuple(parse(text)) + tuple(self._drop_ins(own))
        return Unit(own, path, masked=not text, settings=settings)

    def _drop_ins(self, name: str) -> Iterator[Setting]:
        """Yield what drop-ins add to a unit, in the order in which they are read."""
        files: dict[str, str] = {}
        for owner in (name, _template(name)):
            for directory in self._beside.get(f"{owner}.d", ()):
                for path in rootfs.entries(self._tree, directory):
                    if path.endswith(".conf"):
                        files.setdefault(path.rpartition("/")[2], path)
        for _, path in sorted(files.items()):
            yield from parse(reading.text(self._tree, path) or "")

    def linked(self, name: str) -> set[str]:
        """Return the names of units that are enabled to start with a unit."""
        return {
            path.rpartition("/")[2]
            for suffix in _LINKING
            for owner in (name, _template(name))
            for directory in self._beside.get(owner + suffix, ())
            for path in rootfs.entries(self._tree, directory)
        }

    def started(self) -> dict[str, str]:
        """Return the units that a boot starts by name, with the unit that each is enabled for.

        That is empty for one that only other units ask for, without anybody having enabled it.
        """
        found: dict[str, str] = {}
        pending = list(self._roots())
        seen = set(pending)
        while pending:
            unit = self.find(pending.pop())
            if unit is None or unit.masked:
                continue
            found.setdefault(unit.name, "")
            linked = self.linked(unit.name)
            asked = {
                name
                for section, key, value in unit.settings
                if section == "Unit" and key in _STARTING
                for name in value.split()
            }
            for name in sorted(linked | asked):
                other = self.find(name)
                if other is None or other.masked:
                    continue
                if name in linked:
                    found[other.name] = unit.name
                if other.name not in seen:
                    seen.add(other.name)
                    pending.append(other.name)
        return found

    def _roots(self) -> Iterator[str]:
        default = self.find(_DEFAULT)
        if default is not None:
            yield default.name
        for generator, target, disabled in _GENERATED:
            there = any(reading.is_program(self._tree, f"{at}/{generator}") for at in _GENERATORS)
            if there and not rootfs.resolve(self._tree, disabled).exists():
                yield target


def parse(text: str) -> Iterator[Setting]:
    """Yield section, key and value of the lines of a unit file, as systemd.syntax(7) has it."""
    section, rest = "", ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        if stripped.endswith("\\"):
            rest += stripped[:-1] + " "
            continue
        whole, rest = rest + stripped, ""
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
            continue
        key, separator, value = whole.partition("=")
        if separator:
            yield section, key.strip(), value.strip()


def _template(name: str) -> str:
    """Return the template of an instance, ``a@.service`` of ``a@b.service``; else the name."""
    stem, at, instance = name.partition("@")
    return f"{stem}@.{instance.rpartition('.')[2]}" if at else name
