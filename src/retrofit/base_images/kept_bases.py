"""Packages of base images as they were installed, kept in archives for the next build."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from .. import __version__, errors
from ..host import files
from ..host.sandbox import workshop

_LOG = logging.getLogger(__name__)

_FOLDER = "bases"
_SUMS = ".sha256"
# Of a base image an archive has some 700 MiB.
_KEPT = 2


@contextlib.contextmanager
def kept(
    cache: pathlib.Path | None, identity: str, work: pathlib.Path
) -> Iterator[pathlib.Path | None]:
    """Give the path of an archive in the work directory, and keep one that is made there.

    An archive in the cache is used only if it has the SHA-256 that it had when it was kept.

    Args:
        cache: Directory of the cache, made if it is missing; ``None`` keeps nothing.
        identity: What the packages are told by.
        work: The work directory.

    Raises:
        errors.OutputError: The cache cannot be used. Where it has no room, nothing is kept.
    """
    if cache is None:
        yield None
        return
    name = hashlib.sha256(f"{__version__} {identity}".encode()).hexdigest()[:32]
    archive = work / "base.tar"
    with _usable(cache):
        place = cache.resolve() / _FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = _recall(place / f"{name}.tar", archive)
    yield archive
    if not known:
        try:
            _keep(archive, place / f"{name}.tar")
        except (OSError, errors.OutputError) as error:
            # It is made, and the next build can make it again.
            _LOG.warning("the cache %s cannot keep this base system: %s", cache, _said(error))
            with contextlib.suppress(OSError):
                (place / f"{name}.tar").unlink(missing_ok=True)
    archive.unlink()


def _said(error: OSError | errors.OutputError) -> str:
    return error.message if isinstance(error, errors.OutputError) else str(error.strerror)


def _recall(own: pathlib.Path, archive: pathlib.Path) -> bool:
    """Copy an archive out of the cache; tell whether it was there, and whole."""
    sums = own.with_name(own.name + _SUMS)
    if not sums.exists():
        return False
    try:
        shutil.copyfile(own, archive)
    except FileNotFoundError:
        return False
    if files.digest(archive, "sha256") != sums.read_text(encoding="ascii").strip():
        _LOG.warning("%s is damaged: its packages are installed anew", own)
        archive.unlink()
        return False
    workshop.adopt(archive)
    sums.touch()
    return True


def _keep(archive: pathlib.Path, own: pathlib.Path) -> None:
    """Put an archive into the cache, and remove those that were not used for longest."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=own.parent) as new:
        copy = pathlib.Path(new, own.name)
        shutil.copyfile(archive, copy)
        copy.replace(own)
    files.write(own.with_name(own.name + _SUMS), files.digest(archive, "sha256"), mode=0o600)
    by_use = sorted(own.parent.glob(f"*{_SUMS}"), key=lambda path: path.stat().st_mtime)
    for sums in by_use[:-_KEPT]:
        sums.unlink(missing_ok=True)
        sums.with_suffix("").unlink(missing_ok=True)


@contextlib.contextmanager
def _usable(cache: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.OutputError(
            f"the cache {cache} cannot be used: {error.strerror}",
            hint="set another directory",
        ) from error
