"""Directories of any depth: what an image or an element holds may be nested as deeply as it likes.

Before Python 3.13 the standard library walks and removes directories by recursion, which a
thousand of them, one in the other, exhaust.
"""

from __future__ import annotations

import errno
import os
import pathlib
import secrets
from collections.abc import Container, Iterator

from .. import errors

# Bytes; the kernel takes 4095, a name has at most 255.
_LONG_PATH = 3072


def walk(
    tree: pathlib.Path, *, without: Container[str] = ()
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below a directory: its path in there, and the entry itself.

    Links are not followed. A directory comes before what is in it; what is in one is sorted.

    Args:
        tree: The directory.
        without: Paths that are left out, with all below.

    Raises:
        errors.ImageError: Directories are nested so deeply that the kernel takes no path to them.
    """
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(tree / prefix) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise errors.ImageError(
                f"directories are nested too deeply in /{prefix[:80]}…",
                hint="remove them from the image, or correct the program that creates them",
            ) from error
        for entry in found:
            path = prefix + entry.name
            if path in without:
                continue
            yield path, entry
            if entry.is_dir(follow_symlinks=False):
                pending.append(path + "/")


def remove(tree: pathlib.Path) -> None:
    """Remove a directory with all in it; links are not followed.

    Raises:
        OSError: Something cannot be removed.
    """
    clear(tree)
    tree.rmdir()


def clear(tree: pathlib.Path) -> None:
    """Remove all that is in a directory; links are not followed.

    Raises:
        OSError: Something cannot be removed.
    """
    unique = secrets.token_hex(8)
    moved = 0
    pending = [(os.fspath(tree), False)]
    while pending:
        directory, emptied = pending.pop()
        if emptied:
            os.rmdir(directory)
            continue
        if directory != os.fspath(tree):
            pending.append((directory, True))
        with os.scandir(directory) as entries:
            found = list(entries)
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry)
                continue
            place = entry.path
            # Not sooner: an overlay does not move a directory that is below it.
            if len(os.fsencode(place)) > _LONG_PATH:
                place = os.path.join(tree, f"{unique}-{moved}")
                os.rename(entry, place)
                moved += 1
            pending.append((place, False))
