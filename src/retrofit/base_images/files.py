"""Base images in files of this machine."""

from __future__ import annotations

import dataclasses
import pathlib
import stat
from collections.abc import Callable
from typing import ClassVar

from .. import cloud, errors, model
from ..building import outputs
from ..host import files, progress, web
from ..host.sandbox import workshop
from . import selection


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        path: Its file.
    """

    path: pathlib.Path

    def find(self, _: Callable[[], cloud.Cloud], __: web.Access, /) -> Origin:
        """Return the file."""
        return Origin(self.path)

    def pinned(self, _: model.BaseImage, /) -> Wanted:
        """Return the same."""
        return self


@dataclasses.dataclass(frozen=True)
class Origin:
    """A base image in a file.

    Raises:
        errors.InputMissing: It cannot be read.
    """

    path: pathlib.Path
    base: None = None
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    repeatable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            # To open a pipe that nobody writes to takes for ever, and a device may have no end.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise errors.InputMissing(f"the base image {self.path} is not a regular file")
            with self.path.open("rb"):
                pass
        except OSError as error:
            raise errors.InputMissing(
                f"cannot read the base image {self.path}: {error.strerror}"
            ) from error

    @property
    def name(self) -> str:
        """Name of the file, without directories."""
        return self.path.name

    def content_hash(self) -> str:
        """Return its SHA-512."""
        return f"sha512:{files.digest(self.path, 'sha512')}"

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Copy it only if the workshop cannot read it where it is."""
        if workshop.reachable(self.path):
            return self.path.resolve()
        local = work / "source.img"
        with progress.step(reporter, "copy"):
            outputs.deliver(self.path, local)
        workshop.adopt(local)
        return local
