"""What is kept of a finished image's apt, so that later its archives can be asked without it."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Sequence

from ... import model
from ...host import rootfs, urls
from ...host.sandbox import cells
from ...provenance import archive_settings
from . import policy

_CONFIGURATION = "/etc/apt"
_DIRECTORIES = {"sources.list.d": (".list", ".sources"), "preferences.d": ("", ".pref")}
_TRUSTED = f"{_CONFIGURATION}/trusted.gpg"
# Absolute paths in sources, but for those of URLs.
KEYRING = re.compile(r"(?<![\w.:/-])/[\w./+-]+\.(?:gpg|asc|pgp)")
_MIRROR_LIST = re.compile(r"mirror\+file:(?://)?(/[^\s/]\S*)")
# Ubuntu's keyrings have 4 KiB; Debian's 55, for it holds all keys with all their signatures.
_MAX_KEY = 4 * 1024
_MAX_KEYS = 16 * 1024
_TIMEOUT_S = 120.0


def read(
    cell: cells.Cell, packages: Iterable[model.Package], architecture: str
) -> model.ArchiveSettings | None:
    """Read what the apt of a system was told of.

    The lists that apt fetched have to be there still, else nothing is known to be left.

    Args:
        cell: A cell whose root is the system.
        packages: What is installed there.
        architecture: The system's own.

    Returns:
        ``None`` if the system has no apt.

    Raises:
        errors.CommandError: apt cannot read its own lists.
    """
    if not rootfs.resolve(cell.root, f"/usr/bin/{policy.PROGRAM}").is_file():
        return None

    def ask(words: Sequence[str]) -> str:
        # Nobody wants to read a table for every package in the log.
        program = f"/usr/bin/{policy.PROGRAM}"
        return cell.run([program, *words], timeout_s=_TIMEOUT_S, confidential=True).stdout

    left = policy.upgrades(ask, packages, architecture)
    texts = _texts(cell)
    return model.ArchiveSettings(
        texts=tuple(sorted(texts.items())),
        keys=tuple(sorted(_keys(cell, texts.values()).items())),
        left=tuple((policy.label(one, architecture), one.candidate) for one in left),
    )


def told(text: str) -> str:
    """Return sources or pins without comments and credentials."""
    return urls.without_user(re.sub(r"(?m)^[ \t]*#.*\n?", "", text)).strip("\n")


def is_configuration(path: str) -> bool:
    """Tell files with sources and pins from lists of mirrors."""
    return path.removeprefix(f"{_CONFIGURATION}/").startswith(("sources.list", "preferences"))


def _texts(cell: cells.Cell) -> dict[str, str]:
    """Read the files with sources and pins, and the lists of mirrors that sources name."""
    paths = [f"{_CONFIGURATION}/sources.list", f"{_CONFIGURATION}/preferences"]
    for directory, suffixes in _DIRECTORIES.items():
        found = rootfs.entries(cell.root, f"{_CONFIGURATION}/{directory}")
        paths += [path for path in found if pathlib.PurePath(path).suffix in suffixes]
    texts = {path: _read(cell, path) for path in paths}
    mirrors = _MIRROR_LIST.findall("\n".join(texts.values()))
    texts |= {path: _read(cell, path) for path in mirrors}
    return {
        path: text
        for path, text in texts.items()
        if text and archive_settings.TEXT_PATH.fullmatch(path)
    }


def _read(cell: cells.Cell, path: str) -> str:
    """Return what is kept of a file; empty if there is none."""
    text = rootfs.read(cell.root, path) or ""
    # Bytes that are no text stand in comments, if anywhere.
    return told(text.encode(errors="replace").decode())


def _keys(cell: cells.Cell, texts: Iterable[str]) -> dict[str, bytes]:
    """Read the keyrings that sources name, then those that hold for all others."""
    named = sorted({path for text in texts for path in KEYRING.findall(text)})
    trusted = [_TRUSTED, *rootfs.entries(cell.root, f"{_TRUSTED}.d")]
    keys: dict[str, bytes] = {}
    room = _MAX_KEYS
    for path in (*named, *trusted):
        file = rootfs.resolve(cell.root, path)
        if path in keys or not file.is_file() or not archive_settings.KEY_PATH.fullmatch(path):
            continue
        size = file.stat().st_size
        fits = size <= min(_MAX_KEY, room)
        keys[path] = file.read_bytes() if fits else b""
        room -= size if fits else 0
    return keys
