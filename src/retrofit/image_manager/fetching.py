"""Brings the image of a version here: fetched, checked, unpacked."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import pathlib
import shutil
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from .. import errors, model
from ..base_images import download
from ..host import files, urls, web

_PACKED = (".xz", ".gz", ".bz2", ".zip")
_IMAGES = (".qcow2", ".img", ".raw", ".vmdk", ".vhd", ".vdi", ".iso")
_READERS: dict[str, Callable[[pathlib.Path], Any]] = {
    ".xz": lzma.open,
    ".gz": gzip.open,
    ".bz2": bz2.open,
}
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, zlib.error)
# What is unpacked must not take a disk's last byte along.
_DISK_RESERVE = 256 * model.MIB
_PIECE = model.MIB


def is_packed(url: str) -> bool:
    """Tell whether what is at a URL has to be unpacked."""
    return pathlib.PurePath(urllib.parse.urlsplit(url).path).suffix in _PACKED


def local(url: str) -> pathlib.Path | None:
    """Return the file that a ``file:`` URL names, ``None`` for another URL."""
    parts = urllib.parse.urlsplit(url)
    return pathlib.Path(parts.path) if parts.scheme == "file" else None


def unusable(url: str) -> errors.RetrofitError | None:
    """Return why a URL cannot be used, as far as that can be told without asking a server."""
    file = local(url)
    try:
        if file is not None and not files.is_file(file):
            return errors.InputMissing(
                f"the file {file} is missing", hint="check url and mirror_url"
            )
    except OSError as error:
        return errors.InputMissing(
            f"cannot read {file}: {error.strerror}", hint="check its permissions"
        )
    if file is None and not url.startswith(("http://", "https://")):
        return errors.ConfigError(
            f"cannot fetch {urls.shown(url)}: only http and https are supported",
            hint="give a mirror_url that begins with https://",
        )
    return None


def fetch(
    url: str,
    checksum: str,
    access: web.Access,
    work: pathlib.Path,
    *,
    advanced: Callable[[int, int], None],
) -> pathlib.Path:
    """Return the image at a URL as a file that is what its checksum says.

    Of one that is packed (``.xz``, ``.gz``, ``.bz2``, ``.zip``, also a ``.tar`` in those) the
    checksum may be that of the package or of the image in it.

    Args:
        url: Where it is.
        checksum: Algorithm and digest; empty checks nothing.
        access: How to reach web servers.
        work: Directory for what is fetched and unpacked.
        advanced: Told how many bytes of how many are here.

    Raises:
        errors.InputMissing: It is not there.
        errors.ImageError: It is something else than the checksum says, or damaged.
        errors.NoSpace: The disk is, or would be, full.
        errors.RetrofitError: The server does not answer as it should.
    """
    packed = is_packed(url)
    file = local(url)
    fault = unusable(url)
    if fault is not None:
        raise fault
    if file is None:
        file = work / "fetched"
        wanted = model.BaseImage(name=urls.shown(url), content_hash="" if packed else checksum)
        try:
            download.fetch(wanted, url, access, file, advanced=advanced)
        except errors.ImageError as error:
            raise _differing(url, f"not {checksum[:23]}…") from error
        if not packed:
            return file
    if not packed:
        check(file, checksum, url)
        return file
    suffix = pathlib.PurePath(urllib.parse.urlsplit(url).path).suffix
    unpacked = work / "unpacked"
    _unpack(file, suffix, unpacked, url)
    with contextlib.suppress(errors.ImageError):
        check(file, checksum, url)
        return unpacked
    check(unpacked, checksum, url)
    return unpacked


def digest(url: str, access: web.Access, algorithm: str) -> str:
    """Return the digest of a file on a server, which is read and not kept.

    Args:
        url: Its URL, http or https.
        access: How to reach web servers.
        algorithm: Such as ``sha256``.

    Raises:
        errors.RetrofitError: As :func:`retrofit.host.web.fetch`.
    """
    sink = _Digest(algorithm)
    web.fetch(url, access, sink)
    return sink.total.hexdigest()


class _Digest:
    """Takes a file, and keeps nothing of it but its digest."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self.done = self.size = 0
        self.restart()

    def expect(self, size: int) -> None:
        self.size = size

    def write(self, piece: bytes) -> None:
        self.total.update(piece)
        self.done += len(piece)

    def restart(self) -> None:
        self.total = hashlib.new(self._algorithm, usedforsecurity=False)
        self.done = 0


def check(file: pathlib.Path, checksum: str, url: str) -> None:
    """Compare a file with a checksum, if there is one.

    Raises:
        errors.ImageError: It is something else.
    """
    algorithm, _, wanted = checksum.partition(":")
    if checksum:
        compare(algorithm, wanted, files.digest(file, algorithm), url)


def compare(algorithm: str, wanted: str, actual: str, url: str) -> None:
    """Compare a digest with the one that is wanted.

    Raises:
        errors.ImageError: It is another one.
    """
    if actual != wanted:
        raise _differing(url, f"{algorithm}:{actual[:16]}… instead of {wanted[:16]}…")


def _differing(url: str, how: str) -> errors.ImageError:
    return errors.ImageError(
        f"{urls.shown(url)} does not match its checksum: {how}",
        hint="check the checksum; the server may have another version now",
    )


def _unpack(file: pathlib.Path, suffix: str, target: pathlib.Path, url: str) -> None:
    """Write what is in a package to a file."""
    try:
        with _opened(file, suffix, url) as content, target.open("wb") as image:
            while piece := content.read(_PIECE):
                if shutil.disk_usage(target.parent).free < _DISK_RESERVE:
                    raise errors.NoSpace(
                        f"no space in {target.parent} to unpack {urls.shown(url)}",
                        hint="free space, or set another directory with --work-dir",
                    )
                image.write(piece)
    except _DAMAGED as error:
        raise errors.ImageError(
            f"{urls.shown(url)} cannot be unpacked: {error}", hint="check whether it is complete"
        ) from error


@contextlib.contextmanager
def _opened(file: pathlib.Path, suffix: str, url: str) -> Iterator[IO[bytes]]:
    """Give the only file in a package."""
    with contextlib.ExitStack() as held:
        if suffix == ".zip":
            archive = held.enter_context(zipfile.ZipFile(file))
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
            yield held.enter_context(archive.open(_only(names, url)))
            return
        content = held.enter_context(_READERS[suffix](file))
        if not urllib.parse.urlsplit(url).path.endswith(f".tar{suffix}"):
            yield content
            return
        bundle = held.enter_context(tarfile.open(fileobj=content))
        members = {member.name: member for member in bundle if member.isfile()}
        member = bundle.extractfile(members[_only(list(members), url)])
        yield member or io.BytesIO()


def _only(names: list[str], url: str) -> str:
    """Return the image among the files of a package, or its only file."""
    found = [name for name in names if name.endswith(_IMAGES)] or names
    if len(found) != 1:
        raise errors.ImageError(
            f"{urls.shown(url)} has {len(found)} files, not one image", hint="check the URL"
        )
    return found[0]
