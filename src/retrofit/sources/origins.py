"""Where the base image of a run comes from, and what identifies it."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Protocol

from .. import cloud, errors, model, progress, targets
from ..sandbox import workshop
from . import glance


class Origin(Protocol):
    """A base image that was found."""

    @property
    def base(self) -> model.BaseImage | None:
        """What Glance says of it, if it is there."""

    @property
    def name(self) -> str:
        """What it is called."""

    def content_hash(self) -> str:
        """Return what identifies its content, with the algorithm in front."""

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Put it where the workshop can read it, and return its path."""


@dataclasses.dataclass(frozen=True)
class File:
    """A base image in a file.

    Raises:
        errors.InputMissing: It cannot be read.
    """

    path: pathlib.Path
    base: None = None

    def __post_init__(self) -> None:
        try:
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
        with self.path.open("rb") as file:
            return f"sha512:{hashlib.file_digest(file, 'sha512').hexdigest()}"

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Copy it only if the workshop cannot read it where it is."""
        if workshop.reachable(self.path):
            return self.path.resolve()
        local = work / "source.img"
        with progress.step(reporter, "copy"):
            targets.deliver(self.path, local)
        workshop.adopt(local)
        return local


@dataclasses.dataclass(frozen=True)
class Glance:
    """A base image in Glance."""

    connection: cloud.Cloud
    base: model.BaseImage

    @property
    def name(self) -> str:
        """Its name in Glance."""
        return self.base.name

    def content_hash(self) -> str:
        """Return the hash that Glance keeps; data there never changes, so an id does, too."""
        return self.base.content_hash or f"glance:{self.base.id}"

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Download it."""
        local = work / "source.img"
        with progress.step(reporter, "download"):
            glance.download(self.connection, self.base, local, advanced=reporter.advanced)
        workshop.adopt(local)
        return local
