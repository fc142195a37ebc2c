"""Base images at a URL, told by a checksum."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import urllib.parse
from collections.abc import Callable

from .. import errors, model, web
from . import arrival

_DIGITS = {"sha256": 64, "sha512": 128}
_PINNED = re.compile(r"(?P<algorithm>[a-z0-9]+):(?P<digest>[0-9A-Fa-f]+)")
# As sha256sum and sha512sum write them: plainly, or with --tag.
_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]+)(?:\s+\*?(?P<name>\S.*))?")
_TAGGED = re.compile(r"SHA(?:256|512) \((?P<name>.+)\) = (?P<digest>[0-9A-Fa-f]+)")
_LIMIT = 4 * model.MIB


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        url: Its URL, http or https.
        checksum: ``sha256:…``, ``sha512:…``, or URL of a file of checksums.
    """

    url: str
    checksum: str


def find(wanted: Wanted, access: web.Access) -> model.BaseImage:
    """Find out what has to be at a URL, without fetching it.

    Raises:
        errors.ConfigError: The checksum is no checksum, or there is none.
        errors.InputMissing: The file of checksums does not exist, or does not have it.
        errors.Denied: Its server refuses it.
        errors.Unavailable: Its server does not answer as it should.
    """
    name = urllib.parse.unquote(urllib.parse.urlsplit(wanted.url).path.rpartition("/")[2])
    return model.BaseImage(name=name, content_hash=_content_hash(wanted, name, access))


def fetch(
    base: model.BaseImage,
    url: str,
    access: web.Access,
    target: pathlib.Path,
    *,
    advanced: Callable[[int, int], None],
) -> None:
    """Bring a base image here, and check that it is the right one.

    Args:
        base: What it has to be.
        url: Where it is.
        access: How to reach the server.
        target: File to write; nothing is left of it after a failure.
        advanced: Told how many bytes of how many are here.

    Raises:
        errors.InputMissing: It is not there.
        errors.ImageError: What arrived is something else.
        errors.NoSpace: The disk is, or would be, full.
        errors.OutputError: The file cannot be written.
        errors.Denied: The server refuses it.
        errors.Unavailable: The server does not answer as it should, time and again.
    """
    with arrival.receiving(base, target, advanced) as arriving:
        web.fetch(url, access, arriving)


def _content_hash(wanted: Wanted, name: str, access: web.Access) -> str:
    """Return the hash that the image has to have."""
    if not wanted.checksum:
        raise errors.ConfigError(
            f"nothing tells whether what comes from {web.shown(wanted.url)} is right",
            hint="give its checksum: sha256:…, sha512:…, or the URL of a file such as SHA256SUMS "
            "(--checksum)",
        )
    if wanted.checksum.startswith(("http://", "https://")):
        text = web.read(wanted.checksum, access, limit=_LIMIT).decode(errors="replace")
        return _listed(text, name, web.shown(wanted.checksum))
    match = _PINNED.fullmatch(wanted.checksum)
    if match is None or len(match["digest"]) != _DIGITS.get(match["algorithm"]):
        raise errors.ConfigError(
            f"{wanted.checksum!r} is no checksum",
            hint="write sha256: and 64 digits, sha512: and 128, or the URL of a file of checksums",
        )
    return f"{match['algorithm']}:{match['digest'].lower()}"


def _listed(text: str, name: str, where: str) -> str:
    """Return the hash that a file of checksums has of a file."""
    found = set()
    for line in text.splitlines():
        match = _TAGGED.fullmatch(line.strip()) or _LINE.fullmatch(line.strip())
        # A file with the checksum of one image may leave its name out.
        if match is not None and (match["name"] or name).rpartition("/")[2] == name:
            found.add(match["digest"].lower())
    digests = [
        f"{algorithm}:{digest}"
        for algorithm, digits in _DIGITS.items()
        for digest in found
        if len(digest) == digits
    ]
    if len(digests) != 1:
        raise errors.InputMissing(
            f"{where} has {'several checksums' if digests else 'no SHA-256 or SHA-512'} of {name}",
            hint="check both URLs",
        )
    return digests[0]
