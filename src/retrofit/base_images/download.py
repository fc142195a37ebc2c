"""Base images at a URL, told by a checksum."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from .. import cloud, errors, model
from ..host import progress, urls, web
from ..host.sandbox import workshop
from . import arrival, origins, selection

DIGITS = {"sha512": 128, "sha256": 64}
_PINNED = re.compile(r"(?P<algorithm>[a-z0-9]+):(?P<digest>[0-9A-Fa-f]+)")
# As sha256sum and sha512sum write them: plainly, or with --tag.
_LINE = re.compile(r"(?P<digest>[0-9A-Fa-f]+)(?:\s+\*?(?P<name>\S.*))?")
# As BSD's programs write it, and OpenSSL, which leaves blanks out.
_TAGGED = re.compile(r"[A-Z0-9-]+ ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9A-Fa-f]+)")
_NAMED = re.compile(r"(?P<name>\S+)\s+(?P<digest>[0-9A-Fa-f]{32,128})")
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

    def find(self, _: Callable[[], cloud.Cloud], access: web.Access, /) -> Origin:
        """Find it; see :func:`find`."""
        return Origin(self.url, find(self, access), access)

    def pinned(self, _: model.BaseImage, /) -> Wanted:
        """Return the same."""
        return self


@dataclasses.dataclass(frozen=True)
class Origin(origins.Described):
    """A base image on a web server, of which the hash is known."""

    url: str
    base: model.BaseImage
    access: web.Access
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    repeatable: ClassVar[bool] = True

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Download it."""
        local = work / "source.img"
        with progress.step(reporter, "download"):
            try:
                fetch(self.base, self.url, self.access, local, advanced=reporter.advanced)
            except errors.InputMissing as missing:
                raise origins.expired(self.name, missing.message) from missing
        workshop.adopt(local)
        return local


def find(wanted: Wanted, access: web.Access) -> model.BaseImage:
    """Find out what has to be at a URL, without fetching it.

    Raises:
        errors.ConfigError: The checksum is not a checksum, or there is none.
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
            f"the image at {urls.shown(wanted.url)} has no checksum",
            hint="give its checksum: sha256:…, sha512:…, or the URL of a file such as SHA256SUMS "
            "(--checksum)",
        )
    if wanted.checksum.startswith(("http://", "https://")):
        text = web.read(wanted.checksum, access, limit=_LIMIT).decode(errors="replace")
        return listed(text, name, urls.shown(wanted.checksum))
    match = _PINNED.fullmatch(wanted.checksum)
    if match is None or len(match["digest"]) != DIGITS.get(match["algorithm"]):
        raise errors.ConfigError(
            f"{wanted.checksum!r} is not a checksum",
            hint="write sha256: and 64 digits, sha512: and 128, or the URL of a file of checksums",
        )
    return f"{match['algorithm']}:{match['digest'].lower()}"


def entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield names, which may be left out, and digests that a file of checksums has."""
    for line in text.splitlines():
        forms = (form.fullmatch(line.strip()) for form in (_TAGGED, _LINE, _NAMED))
        match = next(filter(None, forms), None)
        if match is not None:
            yield (match["name"] or "").rpartition("/")[2], match["digest"].lower()


def listed(text: str, name: str, where: str, digits: Mapping[str, int] = DIGITS) -> str:
    """Return the hash that a file of checksums has of a file.

    Args:
        text: The file of checksums, as ``sha256sum`` and its like write it.
        name: Name of the file that is looked for.
        where: Where the text is from, for errors.
        digits: Algorithms that count, the best first, and how many digits each has.

    Raises:
        errors.InputMissing: It has none, or several that contradict each other.
    """
    # A file with the checksum of one image may leave its name out.
    found = {digest for shown, digest in entries(text) if (shown or name) == name}
    for algorithm, length in digits.items():
        fitting = [digest for digest in found if len(digest) == length]
        if len(fitting) == 1:
            return f"{algorithm}:{fitting[0]}"
        if fitting:
            raise errors.InputMissing(
                f"{where} has several checksums of {name}", hint="check both URLs"
            )
    known = " or ".join(sorted(word.upper().replace("SHA", "SHA-") for word in digits))
    raise errors.InputMissing(f"{where} has no {known} of {name}", hint="check both URLs")
