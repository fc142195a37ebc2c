"""Where the base image of a run comes from, and what identifies it."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import ClassVar, Protocol

from .. import cloud, errors, model
from ..building import outputs
from ..host import progress, web
from ..host.sandbox import workshop
from . import bootstrap, download, glance, selection


class Origin(Protocol):
    """A base image that was found."""

    @property
    def base(self) -> model.BaseImage | None:
        """What its publisher says of it; a file's says nothing."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def untrusted(self) -> tuple[selection.UntrustedImage, ...]:
        """Images of untrusted projects that would be selected otherwise."""

    @property
    def repeatable(self) -> bool:
        """Whether it is the same to the last bit whenever it is brought."""

    def content_hash(self) -> str:
        """Return what identifies its content, with the algorithm in front; fetches nothing."""

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Put it where the workshop can read it, and return its path.

        Raises:
            errors.InputMissing: It is no longer there: it has expired since it was found.
            errors.ImageError: What arrived is not what was found.
        """


@dataclasses.dataclass(frozen=True)
class File:
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
            outputs.deliver(self.path, local)
        workshop.adopt(local)
        return local


class _Described:
    """What all base images have in common of which their publisher says a name and a hash."""

    base: model.BaseImage

    @property
    def name(self) -> str:
        """What its publisher calls it."""
        return self.base.name

    def content_hash(self) -> str:
        """Return the hash, or the digest of what it is made of, that its publisher tells."""
        return self.base.content_hash


@dataclasses.dataclass(frozen=True)
class Glance(_Described):
    """A base image in Glance."""

    connection: cloud.Cloud
    base: model.BaseImage
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    repeatable: ClassVar[bool] = True

    def content_hash(self) -> str:
        """Return the hash that Glance keeps; data there never changes, so an id does, too."""
        return self.base.content_hash or f"glance:{self.base.id}"

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Download it."""
        local = work / "source.img"
        with progress.step(reporter, "download"):
            try:
                glance.download(self.connection, self.base, local, advanced=reporter.advanced)
            except errors.InputMissing as missing:
                raise expired(self.name, "it is gone from Glance") from missing
        workshop.adopt(local)
        return local


@dataclasses.dataclass(frozen=True)
class Download(_Described):
    """A base image on a web server, of which the hash is known."""

    url: str
    base: model.BaseImage
    access: web.Access
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    repeatable: ClassVar[bool] = True

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Download it."""
        local = work / "source.img"
        with progress.step(reporter, "download"):
            try:
                download.fetch(self.base, self.url, self.access, local, advanced=reporter.advanced)
            except errors.InputMissing as missing:
                raise expired(self.name, missing.message) from missing
        workshop.adopt(local)
        return local


@dataclasses.dataclass(frozen=True)
class Bootstrap(_Described):
    """A base image that is yet to be made from a package mirror."""

    recipe: bootstrap.Recipe
    base: model.BaseImage
    access: web.Access
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    # Its file systems get other identifiers each time.
    repeatable: ClassVar[bool] = False

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Make it."""
        if bootstrap.find(self.recipe, self.access).content_hash != self.base.content_hash:
            raise expired(self.name, "the mirror has changed")
        local = work / "source.img"
        bootstrap.make(self.recipe, local, self.access, work, reporter)
        return local


def expired(name: str, why: str) -> errors.InputMissing:
    """Return the error that says that a base image can no longer be had."""
    return errors.InputMissing(
        f"the base image {name} has expired since it was selected: {why}",
        hint="plan again to select the current base image",
    )
