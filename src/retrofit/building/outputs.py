"""Files that a run is to leave in the end: checked before it begins, put there when it is done."""

from __future__ import annotations

import errno
import os
import pathlib

from .. import errors
from .disk import sparse


def check(target: pathlib.Path, *, force: bool) -> None:
    """Refuse a target that could not be written in the end.

    Args:
        target: File that is to be written.
        force: Whether it may replace one.

    Raises:
        errors.OutputError: It could not.
    """
    if target.is_dir():
        raise errors.OutputError(f"{target} is a directory", hint="name a file to write")
    if target.exists() and not force:
        raise errors.OutputError(f"{target} exists already", hint="use --force to overwrite it")
    if not os.access(target.absolute().parent, os.W_OK):
        raise errors.OutputError(
            f"cannot write {target}: its directory does not exist or is not writable"
        )


def deliver(made: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a file to its place, where it belongs to the caller; holes stay holes.

    Args:
        made: The file, which may lie on another disk and belong to another user.
        target: Its place; who looks there sees all of it or none.

    Raises:
        errors.NoSpace: It does not fit there.
        errors.OutputError: It cannot be written there.
    """
    partial = beside(target, "partial")
    try:
        sparse.copy(made, partial, holes=())
        partial.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.NoSpace(
                f"the disk of {target} is full", hint="free space on it"
            ) from error
        raise errors.OutputError(f"cannot write {target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def beside(target: pathlib.Path, kind: str) -> pathlib.Path:
    """Return the name of a hidden helper file in the directory of a target."""
    return target.absolute().with_name(f".{target.name}.{kind}")
