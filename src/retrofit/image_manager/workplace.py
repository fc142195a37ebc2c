"""The directory in which images are fetched, for one run at a time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from .. import errors
from ..host import locks, signals
from ..host.sandbox import workshop


@contextlib.contextmanager
def held(base: pathlib.Path | None, name: str) -> Iterator[pathlib.Path]:
    """Give an empty private directory; what a killed run left in it is removed.

    Args:
        base: Where to make it; ``None`` for the default.
        name: What it is for, in a word: one run at a time has the directory of that name.

    Raises:
        errors.Busy: Another run has it.
        errors.OutputError: It cannot be made there.
    """
    directory = workshop.work_base(base) / f"retrofit-{name}-{os.geteuid()}"
    with locks.hold(directory.with_name(f"{directory.name}.lock"), f"does a {name}"):
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
