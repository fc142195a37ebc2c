"""Configuration that a machine gets when it boots, and that a service has to read as it came."""

from __future__ import annotations

import dataclasses
import re
import stat
from collections.abc import Iterator

from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading, services, units

_SECTION = re.compile(r"\[(.+)\]\s*")
_OPTIONS = ("--config-file", "--config-dir")


@dataclasses.dataclass(frozen=True)
class Provisioned:
    """What is given to a service of oslo.config's kind when its machine boots.

    Attributes:
        unit: The service.
        file: Its configuration, written when the machine boots.
        settings: Section and key of what only that file may say.
        directories: Where else files for it are written.
    """

    unit: str
    file: str
    settings: frozenset[tuple[str, str]]
    directories: tuple[str, ...]


def configuration(given: Provisioned) -> subject.Check:
    """A service reads the configuration it is given, and nothing of the image overrides that."""

    def look(image: subject.Subject) -> findings.Verdict:
        unit = units.Units(image.tree).find(given.unit)
        commands = [] if unit is None else unit.values("Service", "ExecStart")
        if not commands:
            return findings.failed(f"{given.unit} is missing or starts no program")
        sources = list(_sources(services.words(commands[-1])))
        if given.file not in sources:
            return findings.failed(f"{given.unit} does not read {given.file}")
        for path in _files(image, sources[sources.index(given.file) + 1 :]):
            for section, key, value in parse(reading.text(image.tree, path) or ""):
                if (section, key) in given.settings:
                    return findings.failed(
                        f"{path}, which {given.unit} reads after {given.file}, sets {key} to"
                        f" {value}: Octavia does not create this file"
                    )
        for directory in (given.file.rpartition("/")[0], *given.directories):
            status = reading.status(image.tree, directory)
            if status is None or not stat.S_ISDIR(status.st_mode):
                return findings.failed(f"the directory {directory} is missing")
        return findings.passed(f"{given.unit} reads {given.file}, last of {len(sources)}")

    return subject.Check("agent configuration", look)


def _sources(words: list[str]) -> Iterator[str]:
    """Yield the files and directories of configuration that a command names, in its order."""
    for option, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = option.partition("=")
        if name in _OPTIONS:
            yield value if equals else following


def _files(image: subject.Subject, sources: list[str]) -> Iterator[str]:
    """Yield the files among sources, and those in directories among them."""
    for source in sources:
        if rootfs.resolve(image.tree, source).is_dir():
            inside = rootfs.entries(image.tree, source)
            yield from (path for path in inside if path.endswith(".conf"))
        else:
            yield source


def parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of the lines of a file that oslo.config reads."""
    section = "DEFAULT"
    for line in text.splitlines():
        if line.startswith(("#", ";")) or not line.strip():
            continue
        heading = _SECTION.fullmatch(line)
        if heading:
            section = heading[1]
            continue
        key, equals, value = line.partition("=")
        if equals and not line[0].isspace():
            yield section, key.strip(), value.strip()
