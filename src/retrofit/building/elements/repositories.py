"""Sources that elements name in files ``source-repository-*``, as diskimage-builder reads them."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from ... import errors, model
from ...host import urls
from . import dependencies

FILES = "source-repository-*"
# Bytes that a file of a source may have.
LIMIT = 4 * model.GIB
# Variables that change what a file says, before the name of the source.
_LOCATION = "DIB_REPOLOCATION_"
OVERRIDES = ("DIB_REPOTYPE_", _LOCATION, "DIB_REPOREF_")
_LINE = re.compile(r"(\S+) (git|tar|file|package)(?: (/\S+))?(?: (\S+))?(?: (\S+))?")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^{}$`]*))?\}|(\w+))")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://\S+|[\w.-]+@[\w.-]+:\S+|/\S+")
_SITE = re.compile(r"[^:]+://[^/]+/(?:~[^/]+)?")


class Kind(enum.Enum):
    """How a source is fetched: the words of diskimage-builder."""

    GIT = "git"
    TAR = "tar"
    FILE = "file"
    PACKAGE = "package"


_SCHEMES = {
    Kind.GIT: ("http", "https", "ssh", "file"),
    Kind.TAR: ("http", "https", "file", "pypi"),
    Kind.FILE: ("http", "https", "file"),
}
_DEFAULT_REFS = {Kind.GIT: "master", Kind.TAR: "*"}


@dataclasses.dataclass(frozen=True)
class Repository:
    """A source.

    Attributes:
        element: The element that wants it.
        name: Its name.
        kind: How it is fetched.
        destination: Where it is to be in the image.
        location: Its URL, or a path of this machine; a login may be in it.
        ref: Branch, tag or commit of a git repository, directory in an archive.
    """

    # Whichever element says so, it is the same source.
    element: str = dataclasses.field(compare=False)
    name: str
    kind: Kind
    destination: str
    location: str
    ref: str

    @property
    def key(self) -> str:
        """Its name as part of a variable's."""
        return re.sub("[^0-9A-Za-z]", "_", self.name)

    def __str__(self) -> str:
        place = urls.shown(self.location) if "://" in self.location else self.location
        return f"the source {self.name} of the element {self.element} ({place})"


def find(
    elements: Iterable[dependencies.Element], variables: Mapping[str, str]
) -> tuple[Repository, ...]:
    """Return the sources that elements install from, without those that come from packages.

    Args:
        elements: Those that a build applies for an operator.
        variables: Variables of the recipe and of the operator.

    Raises:
        errors.ConfigError: A line cannot be read, or names what a build does not fetch.
    """
    found: dict[str, Repository] = {}
    for element in elements:
        for file in sorted(element.path.glob(FILES)):
            if file.name.endswith("~"):
                continue
            for one in _read(element, file, variables):
                if not _from_source(one, variables):
                    continue
                other = found.setdefault(one.destination, one)
                if other != one:
                    raise errors.ConfigError(
                        f"{other} and {one} both go to {one.destination}",
                        hint="use one of the elements",
                    )
    return tuple(found.values())


def without_logins(variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return variables as all but those who fetch may know them: sources are without logins."""
    return {
        name: urls.without_user(value) if name.startswith(_LOCATION) else value
        for name, value in variables
    }


def _from_source(one: Repository, variables: Mapping[str, str]) -> bool:
    default = variables.get("DIB_DEFAULT_INSTALLTYPE", "source")
    return variables.get(f"DIB_INSTALLTYPE_{one.key}", default) == "source"


def _read(
    element: dependencies.Element, file: pathlib.Path, variables: Mapping[str, str]
) -> Iterator[Repository]:
    where = f"the element {element.name}: {file.name}"
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        text = _expanded(line, variables, where)
        match = _LINE.fullmatch(text)
        if match is None:
            raise errors.ConfigError(
                f"{where}: cannot read the line {urls.without_user(line.strip())!r}",
                hint="write NAME TYPE DESTINATION LOCATION and, if needed, REF",
            )
        name, kind, destination, location, ref = (part or "" for part in match.groups())
        one = Repository(element.name, name, Kind(kind), destination, location, ref)
        yield _checked(_overridden(one, variables, where), where)


def _expanded(line: str, variables: Mapping[str, str], where: str) -> str:
    """Return a line as the shell of diskimage-builder would read it: no programs run here."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1] or match[3], match[2]
        if name not in variables and default is None:
            raise errors.ConfigError(
                f"{where} names the variable {name}, which is not set",
                hint=f"give the build the variable {name}",
            )
        return variables.get(name) or default or ""

    try:
        text = " ".join(shlex.split(_VARIABLE.sub(value, line)))
    except ValueError:
        return ""
    return "" if "`" in text or "$(" in text else text


def _overridden(one: Repository, variables: Mapping[str, str], where: str) -> Repository:
    kind, location, ref = (variables.get(f"{prefix}{one.key}", "") for prefix in OVERRIDES)
    base = variables.get("DIB_GITREPOBASE", "")
    try:
        kind_now = Kind(kind) if kind else one.kind
    except ValueError as error:
        raise errors.ConfigError(
            f"{where}: wrong value {kind!r} of DIB_REPOTYPE_{one.key}",
            hint="known are git, tar, file and package",
        ) from error
    if not location and base and kind_now is Kind.GIT:
        location = _SITE.sub(lambda _: base, one.location, count=1)
    return dataclasses.replace(
        one,
        kind=kind_now,
        location=location or one.location,
        ref=ref or one.ref or _DEFAULT_REFS.get(kind_now, ""),
    )


def _checked(one: Repository, where: str) -> Repository:
    """Return a source that can be fetched.

    Raises:
        errors.ConfigError: It cannot.
    """
    if one.kind is Kind.PACKAGE:
        return one
    if not one.destination or not one.location:
        raise errors.ConfigError(
            f"{where}: {one.name} has no destination or no location",
            hint="write NAME TYPE DESTINATION LOCATION and, if needed, REF",
        )
    scheme = _SCHEME.fullmatch(one.location)
    remote_shell = scheme is not None and not scheme[1] and one.location[0] != "/"
    allowed = _SCHEMES[one.kind]
    if (
        scheme is None
        or (scheme[1] and scheme[1] not in allowed)
        or (remote_shell and one.kind is not Kind.GIT)
    ):
        raise errors.ConfigError(
            f"{where}: a build cannot fetch {urls.without_user(one.location)}",
            hint=f"use a URL that begins with {', '.join(f'{word}://' for word in allowed)}",
        )
    parts = pathlib.PurePosixPath(one.destination).parts
    if ".." in parts or len(parts) < 2:
        raise errors.ConfigError(f"{where}: wrong destination {one.destination}")
    if one.ref.startswith(("-", "/")) or ".." in one.ref or "\\" in one.ref:
        raise errors.ConfigError(f"{where}: wrong reference {one.ref!r}")
    return one
