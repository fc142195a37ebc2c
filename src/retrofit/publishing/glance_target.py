"""Where and how an image is to be published."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Protocol, TypeVar

from .. import model
from ..host import locks
from . import naming

# The current image, the one a rollback makes current, and one before.
KEEP = 3


R_co = TypeVar("R_co", covariant=True)


class Run(Protocol[R_co]):
    """A run that can end in either place."""

    def to_file(self, path: pathlib.Path) -> R_co:
        """Make a file."""

    def to_files(self, paths: Sequence[tuple[model.FileFormat, pathlib.Path]]) -> R_co:
        """Make several files, each with its format."""

    def to_glance(self, target: GlanceTarget) -> R_co:
        """Publish in Glance."""


@dataclasses.dataclass(frozen=True)
class GlanceTarget:
    """Publish in Glance.

    Attributes:
        amp_image_tag: Tag by which Octavia finds the image, and by which previous ones are told
            from those of others; empty for none.
        labels: Further tags; it keeps them when a newer image takes the first.
        variant: End of its name, where others are made that would be called the same.
        visibility: Who sees it, in Glance's words; ``None`` for the usual.
        properties: Properties that it gets in addition to ours, as pairs sorted by name.
        apart_from: Tags of other images that are wanted: one that has such a tag is theirs, even
            if it has the same fingerprint.
        keep: How many images of the tag are kept, the current one counted; 0 keeps all.
    """

    amp_image_tag: str
    labels: tuple[str, ...] = ()
    variant: str = ""
    visibility: model.Visibility | None = None
    properties: tuple[tuple[str, str], ...] = ()
    apart_from: frozenset[str] = frozenset()
    keep: int = KEEP

    @property
    def appearance(self) -> naming.Appearance:
        """The metadata of the image, beyond the tag by which it is found."""
        return naming.Appearance(self.labels, self.visibility, self.properties)

    def in_glance(self) -> GlanceTarget:
        """Return this target: it is one in Glance."""
        return self

    def hold(
        self, *, force: bool, work_base: pathlib.Path | None
    ) -> contextlib.AbstractContextManager[None]:
        """Keep other runs from publishing beside this one.

        Args:
            force: As for every target.
            work_base: Directory in which work directories are made; ``None`` for the default.

        Raises:
            errors.Busy: Another run publishes.
        """
        del force
        return locks.publishing(work_base)

    def deliver(self, run: Run[R_co]) -> R_co:
        """Have a run publish the image."""
        return run.to_glance(self)
