"""Files of this machine that scripts of ``extra-data.d`` read.

diskimage-builder runs these scripts on the build machine. Here they run in the image, and find
only those files there that variables of the operator name.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping

from ... import errors
from ...host import files
from . import dependencies, hooks

DIRECTORY = "host-files"
_HOME = re.compile(r"\$HOME\b|\$\{HOME\}|~/")


@dataclasses.dataclass(frozen=True)
class HostFile:
    """A file that an element reads.

    Attributes:
        element: The element.
        script: Its script that reads the file.
        variable: Variable with the path of the file.
        path: The path.
    """

    element: str
    script: str
    variable: str
    path: pathlib.Path


def named(
    elements: Iterable[dependencies.Element], variables: Mapping[str, str]
) -> Iterator[HostFile]:
    """Yield what variables of the operator name for scripts of ``extra-data.d``.

    Args:
        elements: Those that a build applies.
        variables: The operator's; only absolute paths count.
    """
    paths = {name: value for name, value in variables.items() if value.startswith("/")}
    for element in elements:
        for script, text in _scripts(element):
            for name, value in paths.items():
                if re.search(rf"\b{re.escape(name)}\b", text):
                    yield HostFile(element.name, script, name, pathlib.Path(value))


def collect(found: Iterable[HostFile], into: pathlib.Path) -> None:
    """Copy those files that exist into a new directory, named by their variables.

    Raises:
        errors.InputMissing: A file cannot be read.
    """
    into.mkdir()
    for one in found:
        if one.path.is_file():
            try:
                shutil.copyfile(one.path, into / one.variable)
            except OSError as error:
                raise errors.InputMissing(
                    f"the file {one.path}, which {one.variable} names, cannot be read:"
                    f" {error.strerror}"
                ) from error


def digests(found: Iterable[HostFile]) -> dict[str, list[str]]:
    """Return the SHA-256 of the files that each element reads, by its name."""
    read: dict[str, list[str]] = {}
    for one in found:
        if one.path.is_file():
            read.setdefault(one.element, []).append(files.digest(one.path, "sha256"))
    return read


def unread(
    elements: Iterable[dependencies.Element], found: Iterable[HostFile]
) -> Iterator[tuple[str, str, str]]:
    """Yield element, script and reason for each file that is not found.

    Args:
        elements: Those to look at.
        found: What :func:`named` yields of them.
    """
    given = set()
    for one in found:
        given.add((one.element, one.script))
        # /dev/null is how diskimage-builder's users name no file.
        if not one.path.is_file() and not one.path.is_relative_to("/dev"):
            yield one.element, one.script, f"{one.variable} names {one.path}, which is not a file"
    for element in elements:
        for script, text in _scripts(element):
            if _HOME.search(text) and (element.name, script) not in given:
                reason = "it reads a home directory, and scripts see none of this machine"
                yield element.name, script, reason


def _scripts(element: dependencies.Element) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each script of ``extra-data.d``."""
    directory = element.path / hooks.EXTRA_DATA
    if directory.is_dir():
        for file in sorted(directory.iterdir()):
            if file.is_file():
                yield f"{directory.name}/{file.name}", file.read_text(errors="replace")
