"""Sources of elements that are files and archives: fetched whole, with a checksum."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import stat
import urllib.parse

from ... import errors, model
from ...host import files, python_index, web
from . import repositories


class _Arriving:
    """A file that arrives from a server, up to a size.

    Attributes:
        done: Bytes that are here.
        size: Bytes that there will be, if the server says so.
    """

    def __init__(self, path: pathlib.Path, what: str) -> None:
        self.done = self.size = 0
        self._what = what
        self._file = path.open("wb")

    def expect(self, size: int) -> None:
        self.size = size
        self._check(size)

    def write(self, piece: bytes) -> None:
        self._check(self.done + len(piece))
        self._file.write(piece)
        self.done += len(piece)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.done = 0

    def close(self) -> None:
        self._file.close()

    def _check(self, size: int) -> None:
        if size > repositories.LIMIT:
            raise errors.ConfigError(
                f"{self._what} is larger than {repositories.LIMIT // model.GIB} GiB"
            )


def update(one: repositories.Repository, access: web.Access, cached: pathlib.Path) -> None:
    """Fetch a file or an archive; the cache has all of the new one, or the previous one.

    Args:
        one: The source.
        access: How to reach servers.
        cached: File to write; beside it comes its checksum.

    Raises:
        errors.RetrofitError: It cannot be fetched, or is too large.
    """
    new = cached.with_suffix(".new")
    parts = urllib.parse.urlsplit(one.location)
    try:
        if parts.scheme in ("http", "https"):
            _fetch(one, one.location, access, new)
        elif parts.scheme == "pypi":
            _fetch_release(one, parts.netloc, parts.path.strip("/"), access, new)
        else:
            _copy(one, pathlib.Path(urllib.parse.unquote(parts.path)), new)
        files.write(cached.with_suffix(".sha256"), files.digest(new, "sha256"), mode=0o600)
        new.replace(cached)
    finally:
        new.unlink(missing_ok=True)


def _fetch(
    one: repositories.Repository, url: str, access: web.Access, target: pathlib.Path
) -> None:
    arriving = _Arriving(target, str(one))
    with contextlib.closing(arriving):
        web.fetch(url, access, arriving)


def _fetch_release(
    one: repositories.Repository,
    name: str,
    version: str,
    access: web.Access,
    target: pathlib.Path,
) -> None:
    """Fetch the source distribution of a release from the index that pip is configured with."""
    release = python_index.source_distribution(name, version, access)
    _fetch(one, release.url, access, target)
    if files.digest(target, "sha256") != release.sha256:
        raise errors.Unavailable(
            f"{one} does not have the SHA-256 that the index says", hint="check the index of pip"
        )


def _copy(one: repositories.Repository, source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):
            raise errors.InputMissing(f"{one} is not a file")
        if status.st_size > repositories.LIMIT:
            raise errors.ConfigError(f"{one} is larger than {repositories.LIMIT // model.GIB} GiB")
        shutil.copyfile(source, target)
    except OSError as error:
        raise errors.InputMissing(f"cannot read {one}: {error.strerror}") from error


def revision(cached: pathlib.Path) -> str:
    """Return the SHA-256 of a file in the cache; empty if it is not there as it was fetched."""
    noted = cached.with_suffix(".sha256")
    if not cached.is_file() or not noted.is_file():
        return ""
    found = files.digest(cached, "sha256")
    return found if found == noted.read_text(encoding="ascii") else ""
