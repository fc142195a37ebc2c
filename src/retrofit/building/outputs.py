"""Files that a run is to leave in the end: checked before it begins, put there when it is done."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterable, Iterator

from .. import errors
from ..host import signals
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
    deliver_together([(made, target)])


def deliver_together(pairs: Iterable[tuple[pathlib.Path, pathlib.Path]]) -> None:
    """Copy files to their places: all of them, or none; see :func:`deliver`.

    Args:
        pairs: Each file with its place.
    """
    copied: list[tuple[pathlib.Path, pathlib.Path]] = []
    with contextlib.ExitStack() as held:
        for made, target in pairs:
            partial = beside(target, "partial")
            held.callback(partial.unlink, missing_ok=True)
            with _writing(target):
                sparse.copy(made, partial, holes=())
            copied.append((partial, target))
        with signals.deferred():
            for partial, target in copied:
                with _writing(target):
                    partial.replace(target)


@contextlib.contextmanager
def _writing(target: pathlib.Path) -> Iterator[None]:
    """Say which target cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.NoSpace(
                f"the disk of {target} is full", hint="free space on it"
            ) from error
        raise errors.OutputError(f"cannot write {target}: {error.strerror}") from error


def beside(target: pathlib.Path, kind: str) -> pathlib.Path:
    """Return the name of a hidden helper file in the directory of a target."""
    return target.absolute().with_name(f".{target.name}.{kind}")
