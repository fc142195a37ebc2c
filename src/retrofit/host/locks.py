"""Locks that keep runs on one machine from meeting.

They are the kernel's (:func:`fcntl.flock`): a child that a run forked holds them as well, so that
they outlast a run that is killed until its children have ended and removed what they made. The
package filelock lets go of a lock in a child, leaves its files, and has no shared lock but one in
a database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from .. import errors
from .sandbox import workshop


def publishing(work_base: pathlib.Path | None) -> contextlib.AbstractContextManager[None]:
    """Keep others from changing what is published.

    Args:
        work_base: Directory in which work directories are made; ``None`` for the default.

    Raises:
        errors.Busy: Another run holds it.
    """
    base = workshop.work_base(work_base)
    return hold(base / f"retrofit-publish-{os.geteuid()}.lock", "publishes an image")


def rollout(work_base: pathlib.Path | None) -> contextlib.AbstractContextManager[None]:
    """Keep others of this machine from rolling an image out.

    Args:
        work_base: Directory in which work directories are made; ``None`` for the default.

    Raises:
        errors.Busy: Another run holds it.
    """
    base = workshop.work_base(work_base)
    return hold(base / f"retrofit-rollout-{os.geteuid()}.lock", "rolls out an image")


@contextlib.contextmanager
def hold(path: pathlib.Path, doing: str) -> Iterator[None]:
    """Hold a lock file, or say that another run does.

    Args:
        path: The file.
        doing: What a run does that holds it.

    Raises:
        errors.Busy: Another run holds it.
        errors.OutputError: It cannot be written.
    """
    try:
        # Everybody may make links where work directories are made.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(handle, "r+b"):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(handle, path):
                # It was opened while the other run was about to remove it.
                raise BlockingIOError
        except BlockingIOError as busy:
            raise errors.Busy(f"another run {doing} now", hint="wait until it ends") from busy
        try:
            yield
        finally:
            path.unlink()


@contextlib.contextmanager
def held(path: pathlib.Path, operation: int) -> Iterator[None]:
    """Hold a lock file, which stays, with an operation of :func:`fcntl.flock`; waits for others.

    Raises:
        BlockingIOError: Another one holds it, and the operation does not wait.
        OSError: It cannot be written.
    """
    with path.open("w") as file:
        fcntl.flock(file, operation)
        yield


@contextlib.contextmanager
def turn(path: pathlib.Path | None) -> Iterator[None]:
    """Wait for one's turn among the runs of a command, and have it until the context ends.

    Args:
        path: File by which they take turns; ``None`` for a run that is alone.

    Raises:
        OSError: It cannot be written.
    """
    if path is None:
        yield
        return
    with held(path, fcntl.LOCK_EX):
        yield


def _is_at(handle: int, path: pathlib.Path) -> bool:
    """Tell whether an open file is the one that has a name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
