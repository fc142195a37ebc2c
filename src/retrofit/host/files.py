"""Writes files whole or not at all, with the mode they are to have, and hashes them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pathlib
import stat
import tempfile
import time

from .. import errors

_CHUNK = 1024 * 1024
# No document that somebody writes or a command made comes near to it.
_MOST = 64 * 1024 * 1024
# What the name of a file that is being written has, and at what age nobody writes it any more.
_UNFINISHED = ".retrofit-"
_ABANDONED_S = 600


def write(path: pathlib.Path, text: str, *, mode: int) -> None:
    """Put ``text`` into ``path`` at once; who reads sees the previous content or all of the new.

    What writers that were killed left of the same file is removed.

    Args:
        path: File to write; a previous one is replaced.
        text: What it is to hold.
        mode: Its permissions, whatever the umask says.

    Raises:
        errors.OutputError: It cannot be written there.
    """
    prefix = f".{path.name}{_UNFINISHED}"
    try:
        _sweep(path.parent, prefix)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    except OSError as error:
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    temporary = pathlib.Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sweep(directory: pathlib.Path, prefix: str) -> None:
    """Remove abandoned files whose names begin so, as far as that is allowed."""
    with contextlib.suppress(OSError):
        for left in directory.iterdir():
            abandoned = time.time() - _ABANDONED_S
            if left.name.startswith(prefix) and left.lstat().st_mtime < abandoned:
                left.unlink()


def is_file(path: pathlib.Path) -> bool:
    """Tell whether there is a regular file; where that cannot be told, the reason is raised.

    ``Path.is_file`` takes what it cannot look at for absent, in part up to Python 3.13 and
    altogether from 3.14 on.

    Raises:
        OSError: The path is longer than paths may be, or a directory of it cannot be read.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def content(path: pathlib.Path) -> bytes:
    """Return what is in a file that somebody names, which may be a device without an end.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
        errors.ConfigError: It has more than 64 MiB.
    """
    with path.open("rb") as file:
        found = file.read(_MOST + 1)
    if len(found) > _MOST:
        raise errors.ConfigError(f"{path} has more than {_MOST >> 20} MiB", hint="check its name")
    return found


def digest(path: pathlib.Path, algorithm: str) -> str:
    """Return the hash of a file's content, hexadecimal.

    ``hashlib.file_digest`` does this from Python 3.11 on.

    Args:
        path: The file.
        algorithm: A name that ``hashlib.new`` knows.
    """
    # Not for security: old catalogs have SHA-1 and MD5, which FIPS mode forbids for that.
    total = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def moves(source: pathlib.Path, target: pathlib.Path) -> bool:
    """Tell whether what is in one directory can be renamed into another.

    That takes one disk and one mount of it, of which only the kernel knows; so it is tried.
    """
    handle, name = tempfile.mkstemp(prefix=".moves-", dir=source)
    os.close(handle)
    tried = pathlib.Path(name)
    try:
        tried.rename(target / tried.name).unlink()
    except OSError as error:
        tried.unlink()
        if error.errno != errno.EXDEV:
            raise
        return False
    return True
