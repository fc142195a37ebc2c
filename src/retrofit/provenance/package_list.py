"""The packages of an image as one property in Glance: compressed text, a line for each.

The 615 packages of an amphora need 8,000 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .. import errors, model
from . import property_text

_NAME = "the list of packages"
_SECURITY = " security"
# Names and versions as Debian's policy (5.6.1, 5.6.12) and rpm-version(7) have them: nothing that
# a terminal obeys, and no number that takes long to compare.
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+._-]{0,254}) "
    r"(?P<version>(?:[0-9]{1,10}:[A-Za-z0-9.+:~^_-]{0,254}|[A-Za-z0-9.+~^_-]{0,254})"
    r"[A-Za-z0-9.+~^_-]) "
    rf"(?P<architecture>[a-z0-9][a-z0-9_-]{{0,63}})(?P<security>{_SECURITY})?"
)


def encode(packages: Iterable[model.Package]) -> str:
    """Return packages as text for a property, in their order.

    Raises:
        errors.ImageError: One has a name or version that no package can have.
    """
    text = "".join(f"{_line(package)}\n" for package in packages)
    return property_text.pack(text)


def decode(encoded: str) -> tuple[model.Package, ...]:
    """Return the packages that a property of an image holds, which anybody may have written.

    Raises:
        errors.ImageError: It is too large, or holds no list of packages.
    """
    return tuple(map(_package, property_text.unpack(encoded, _NAME).splitlines()))


def _line(package: model.Package) -> str:
    words = f"{package.name} {package.version} {package.architecture}"
    line = words + _SECURITY if package.security else words
    if _LINE.fullmatch(line) is None:
        raise errors.ImageError(f"the image's package database has an invalid entry: {line!r}")
    return line


def _package(line: str) -> model.Package:
    match = _LINE.fullmatch(line)
    if match is None:
        raise errors.ImageError(f"{_NAME} is damaged: {line[:80]!r} is not a package")
    return model.Package(
        match["name"], match["version"], match["architecture"], match["security"] is not None
    )
