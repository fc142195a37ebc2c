"""Debian's archive, as this host's apt reaches it: what it has, and packages of it kept here."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import lzma
import os
import pathlib
import tempfile
import urllib.request

from debian import deb822

from retrofit.base_images.scratch import archives
from retrofit.host import process

from .. import paths

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_INDEX = "main/binary-amd64/Packages.xz"
_TIMEOUT_S = 300.0


@dataclasses.dataclass(frozen=True)
class Suite:
    """A suite.

    Attributes:
        archive: Where it is.
        release: Its signed file.
    """

    archive: archives.Archive
    release: bytes

    def index(self) -> str:
        """Return the index of its packages; each is filed below the name of its archive."""
        files = deb822.Release(self.release)["SHA256"]
        digest = next(file["sha256"] for file in files if file["name"] == _INDEX)
        packed = _fetch(f"{self.archive.url}/dists/{self.archive.suite}/{_INDEX}")
        assert hashlib.sha256(packed).hexdigest() == digest
        place = pathlib.PurePosixPath(self.archive.url).name
        text = lzma.decompress(packed).decode()
        return text.replace("\nFilename: ", f"\nFilename: {place}/")


@functools.cache
def suites(release: str) -> tuple[Suite, ...]:
    """Return the suites of a release, such as ``bookworm``, with their updates."""
    return tuple(map(_suite, archives.of_release("debian", release, "amd64")))


def package(release: str, filename: str) -> pathlib.Path:
    """Return a package that an index names, fetched if it is not kept here."""
    kept = paths.cache() / "debian-packages" / filename
    if kept.exists():
        return kept
    archive, _, path = filename.partition("/")
    url = next(
        suite.archive.url for suite in suites(release) if suite.archive.url.endswith(f"/{archive}")
    )
    content = _fetch(f"{url}/{path}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as half:
        half.write(content)
    os.rename(half.name, kept)
    return kept


def _suite(archive: archives.Archive) -> Suite:
    release = _fetch(f"{archive.url}/dists/{archive.suite}/InRelease")
    with tempfile.NamedTemporaryFile() as file:
        file.write(release)
        file.flush()
        process.run(["gpgv", "--keyring", _KEYRING, file.name], timeout_s=_TIMEOUT_S)
    return Suite(archive, release)


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
        content: bytes = answer.read()
    return content
