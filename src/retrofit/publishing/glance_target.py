"""Where and how an image is to be published."""

from __future__ import annotations

import dataclasses

from .. import model
from . import naming

# The current image, the one a rollback makes current, and one before.
KEEP = 3


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
