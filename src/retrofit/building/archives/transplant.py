"""Sources, pins and keys of an image, written where the host's apt takes them for its own."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Sequence

from ... import errors, model
from ...host import rootfs, trees
from .. import archives
from . import logins, pockets, recording

# Logins of mirrors are beside the sources. What apt does as another user needs only the rest.
PRIVATE = "private"
PUBLIC = "public"

_LOGINS = "/etc/apt/auth.conf"
_KEYRINGS = ("/usr/share/keyrings", "/etc/apt/keyrings", "/etc/apt/trusted.gpg.d")
# A directory of lists belongs to one set of sources: whether they are newer does not count.
_LONG_AGO = (1, 1)


def write(
    root: pathlib.Path,
    settings: model.ArchiveSettings,
    release: model.Release,
    request: model.BuildRequest,
) -> None:
    """Write sources and pins as a build would find them now, and the keys they name.

    Args:
        root: Where; gets the directories :data:`PRIVATE` and :data:`PUBLIC`.
        settings: What the image's apt was told of.
        release: What runs in the image.
        request: Mirrors, with credentials.

    Raises:
        errors.ConfigError: A key is neither in the record nor on this host.
    """
    private, public = root / PRIVATE, root / PUBLIC
    private.mkdir(mode=0o700)
    public.mkdir()
    given = logins.without(request.archives)
    # These stand in the record, too.
    added = {recording.told(line.strip()) for line in given.mirror.splitlines() if line.strip()}
    for path, text in settings.texts:
        kept = "".join(f"{line}\n" for line in text.splitlines() if line not in added)
        tree = private if recording.is_configuration(path) else public
        rootfs.write(tree, path, kept)
    archives.write(private, given, release)
    cloud_archive = pockets.source(given, release)
    if cloud_archive:
        rootfs.write(private, pockets.FILE, cloud_archive)
    rootfs.write(private, _LOGINS, logins.file(request.archives), mode=0o600)

    written = [pathlib.Path(entry) for _, entry in trees.walk(private) if entry.is_file()]
    named = {key for file in written for key in recording.KEYRING.findall(file.read_text("utf-8"))}
    for path, content in {**dict.fromkeys(named, b""), **dict(settings.keys)}.items():
        key = content or _of_host(path)
        if key:
            rootfs.resolve(public, path).parent.mkdir(parents=True, exist_ok=True)
            rootfs.resolve(public, path).write_bytes(key)
        elif path in named:
            raise errors.ConfigError(
                f"the key {path} of an archive is missing: it is too large for the metadata"
                " of the image, and this host does not have it",
                hint="install the package with the keyring on this host, such as"
                " debian-archive-keyring",
            )
    elsewhere = [f"/{path}" for path, entry in trees.walk(public) if entry.is_file()]
    for file in written:
        file.write_text(_relocated(file.read_text("utf-8"), elsewhere, public), "utf-8")
        os.utime(file, _LONG_AGO)


def _relocated(text: str, paths: Sequence[str], to: pathlib.Path) -> str:
    """Return text in which some absolute paths are below a directory."""
    any_path = "|".join(map(re.escape, paths))
    return re.sub(rf"(?<![\w.+-])({any_path})(?![\w./+-])", rf"{to}\1", text) if paths else text


def _of_host(path: str) -> bytes:
    """Return the host's keyring of the same name; empty if it has none."""
    key = pathlib.PurePath(path)
    for directory in (os.fspath(key.parent), *_KEYRINGS):
        file = pathlib.Path(directory, key.name)
        if directory in _KEYRINGS and file.is_file():
            return file.read_bytes()
    return b""
