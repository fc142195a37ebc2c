"""The packages of an image as one property in Glance: compressed text, the same for the same list.

Glance keeps a property's value in a column of type TEXT (``glance/db/sqlalchemy/models.py``), for
which MySQL takes 65,535 bytes; the 615 packages of an amphora need 8,000. It allows 128 properties
on an image (``image_property_quota``). Nova hands properties on to machines' metadata cut to 255
characters (``nova.utils.get_system_metadata_from_image``), where nobody reads this one.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable

from . import errors, model

MAX_LENGTH = 65_535

# Far above what an image holds: this is what a stranger's property may cost.
_MAX_TEXT = 2 * model.MIB
_SECURITY = " security"
# Names and versions as Debian's policy has them (5.6.1, 5.6.12): nothing that a terminal obeys,
# and no number that takes long to compare.
_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]{0,254}) "
    r"(?P<version>(?:[0-9]{1,10}:[A-Za-z0-9.+:~-]{0,254}|[A-Za-z0-9.+~-]{0,254})[A-Za-z0-9.+~-]) "
    rf"(?P<architecture>[a-z0-9][a-z0-9-]{{0,63}})(?P<security>{_SECURITY})?"
)


def encode(packages: Iterable[model.Package]) -> str:
    """Return packages as text for a property, in their order.

    Raises:
        errors.ImageError: One has a name or version that no package of Debian's can have.
    """
    text = "".join(f"{_line(package)}\n" for package in packages)
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def decode(encoded: str) -> tuple[model.Package, ...]:
    """Return the packages that a property of an image holds, which anybody may have written.

    Raises:
        errors.ImageError: It is too large, or holds no list of packages.
    """
    if len(encoded) > MAX_LENGTH:
        raise errors.ImageError(f"the list of packages has {len(encoded)} characters")
    try:
        compressed = base64.b64decode(encoded, validate=True)
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(compressed, _MAX_TEXT)
        if not unpacking.eof:
            raise errors.ImageError("the list of packages is cut, or too large when unpacked")
        lines = content.decode("ascii").splitlines()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise errors.ImageError(f"the list of packages is damaged: {error}") from error
    return tuple(map(_package, lines))


def _line(package: model.Package) -> str:
    words = f"{package.name} {package.version} {package.architecture}"
    line = words + _SECURITY if package.security else words
    if _LINE.fullmatch(line) is None:
        raise errors.ImageError(
            f"the image's package database names no possible package: {line!r}"
        )
    return line


def _package(line: str) -> model.Package:
    match = _LINE.fullmatch(line)
    if match is None:
        raise errors.ImageError(f"the list of packages is damaged: {line[:80]!r} is no package")
    return model.Package(
        match["name"], match["version"], match["architecture"], match["security"] is not None
    )
