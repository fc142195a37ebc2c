"""Where the base image of a run comes from, and what identifies it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Protocol

from .. import cloud, errors, model
from ..host import progress, web
from . import selection


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


class Source(Protocol):
    """Which base image is wanted; each kind of place where they come from has its own."""

    def find(self, connect: Callable[[], cloud.Cloud], access: web.Access, /) -> Origin:
        """Find the base image; nothing of its content is fetched.

        Args:
            connect: Connects to the cloud if that is needed.
            access: How web servers are reached.

        Raises:
            errors.InputMissing: There is none.
            errors.Denied: It is not from somebody who is trusted.
            errors.ConfigError: What is wanted makes no sense.
            errors.Unavailable: A server does not answer as it should.
        """

    def pinned(self, planned: model.BaseImage, /) -> Source:
        """Return what is wanted narrowed down to one image that was found before."""


class Described:
    """What all base images have in common of which their publisher says a name and a hash."""

    base: model.BaseImage

    @property
    def name(self) -> str:
        """What its publisher calls it."""
        return self.base.name

    def content_hash(self) -> str:
        """Return the hash, or the digest of what it is made of, that its publisher tells."""
        return self.base.content_hash


def expired(name: str, why: str) -> errors.InputMissing:
    """Return the error that says that a base image can no longer be had."""
    return errors.InputMissing(
        f"the base image {name} has expired since it was selected: {why}",
        hint="plan again to select the current base image",
    )
