"""The directory in which images are fetched: one run at a time has that of a target."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from .. import errors
from ..host import locks, signals
from ..host.sandbox import workshop

# Of the digest of a target: enough to tell those of one machine apart.
_DIGITS = 16


@contextlib.contextmanager
def held(base: pathlib.Path | None, name: str, target: str, doing: str) -> Iterator[pathlib.Path]:
    """Give an empty private directory; what a killed run left in it is removed.

    Args:
        base: Where to make it; ``None`` for the default.
        name: What it is for, in a word.
        target: What the run changes: one run at a time has the directory of that.
        doing: What a run does that has it, for another one that would.

    Raises:
        errors.Busy: Another run has it.
        errors.OutputError: It cannot be made there.
    """
    digest = hashlib.sha256(target.encode()).hexdigest()[:_DIGITS]
    directory = workshop.work_base(base) / f"retrofit-{name}-{os.geteuid()}-{digest}"
    with locks.hold(directory.with_name(f"{directory.name}.lock"), doing):
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(directory)
            directory.mkdir(mode=0o700)
        except OSError as error:
            raise errors.OutputError(
                f"cannot create a work directory at {directory}: {error.strerror}",
                hint="set another directory with --work-dir",
            ) from error
        try:
            yield directory
        finally:
            with signals.deferred():
                shutil.rmtree(directory)
