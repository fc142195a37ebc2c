"""Reads files of an image that nobody vouches for: inside the tree, and not without end."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Container, Iterator

from ... import errors, model
from ...host import rootfs

# Larger than any configuration of a system, dpkg's list of packages included.
_MAX_TEXT = 64 * model.MIB


def text(tree: pathlib.Path, path: str) -> str | None:
    """Return the text of a file, ``None`` when there is none.

    Raises:
        errors.ImageError: It is far larger than such a file can be.
    """
    content = head(tree, path, _MAX_TEXT + 1)
    if content is not None and len(content) > _MAX_TEXT:
        raise errors.ImageError(f"{path} is larger than {_MAX_TEXT // model.MIB} MiB")
    return None if content is None else content.decode(errors="replace")


def head(tree: pathlib.Path, path: str, count: int) -> bytes | None:
    """Return at most ``count`` bytes from the beginning of a file, ``None`` when there is none."""
    file = rootfs.resolve(tree, path)
    # Opening a pipe would wait for its other end for ever.
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return stream.read(count)


def status(tree: pathlib.Path, path: str) -> os.stat_result | None:
    """Return what the tree says of a path whose links are followed, ``None`` if it has none."""
    found = rootfs.resolve(tree, path)
    return found.stat() if found.exists() else None


def is_program(tree: pathlib.Path, path: str) -> bool:
    """Tell whether a path is a file that its owner may execute."""
    found = status(tree, path)
    return (
        found is not None
        and stat.S_ISREG(found.st_mode)
        and bool(found.st_mode & stat.S_IXUSR)
        and found.st_size > 0
    )


def walk(
    tree: pathlib.Path, directory: str, *, without: Container[str] = ()
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below a directory: its path in the system, and where it is.

    Links are not followed, but for those on the way to the directory itself.

    Args:
        tree: The image's files.
        directory: Where to begin.
        without: Paths of directories that are left out, with all in them.
    """
    top = rootfs.resolve(tree, directory)
    pending = [(directory.rstrip("/"), os.fspath(top))] if top.is_dir() else []
    while pending:
        here, place = pending.pop()
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                path = f"{here}/{entry.name}"
                if path in without:
                    continue
                yield path, entry
                # What is no link is below the directory itself, and needs no resolving.
                if entry.is_dir(follow_symlinks=False):
                    pending.append((path, entry.path))


def some(names: list[str], *, most: int = 4) -> str:
    """Join names to a part of a sentence that stays short: the first few, and how many more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
