"""What is asked of a run: from where, to where, what, how it is proved, when it is worth it."""

from __future__ import annotations

import dataclasses
import pathlib

from . import cloud, findings, model, naming, plan
from .sources import finding

# charm-octavia's flavor.
FLAVOR_DISK = 8 * model.GIB
# The current image, the one a rollback makes current, and one before.
KEEP = 3


@dataclasses.dataclass(frozen=True)
class ProofRequest:
    """How an image is to be proved.

    Attributes:
        depth: How far to go.
        flavor_disk: Bytes of the disk that machines of it get.
        evidence: Directory in which that of failed proofs is kept; ``None`` keeps none.
    """

    depth: findings.Depth = findings.Depth.OFF
    flavor_disk: int = FLAVOR_DISK
    evidence: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class GlanceTarget:
    """Publish in Glance.

    Attributes:
        amp_image_tag: Tag by which Octavia finds the image, and by which former ones are told
            from those of others; empty for none.
        labels: Further tags; it keeps them when a newer image takes the first.
        variant: End of its name, where others are made that would be called the same.
        visibility: Who sees it, in Glance's words; ``None`` for the usual.
        properties: Properties that it gets in addition to ours, as pairs sorted by name.
        apart_from: Tags of other images that are wanted: one that has such a tag is theirs, even
            if it is made of the same.
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
        """What is said of the image beyond the tag by which it is found."""
        return naming.Appearance(self.labels, self.visibility, self.properties)


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: from where, to where, what, and when it is worth it.

    Attributes:
        source: Where the base image is to come from.
        target: A file, or Glance.
        build: What to make.
        force: Replace the file, or publish although the same image is published already.
        rebuild_on: The reasons to build anew that count.
        proof: How it is to be proved before it is delivered or tagged.
        cloud: Which cloud, where one is involved.
        work_base: Directory in which the work directory is made; ``None`` for the default.
        cache: Directory for what builds share; ``None`` for the default.
    """

    source: finding.Source
    target: pathlib.Path | GlanceTarget
    build: model.BuildRequest
    force: bool = False
    rebuild_on: frozenset[plan.Kind] = plan.REBUILD_ON
    proof: ProofRequest = ProofRequest()
    cloud: cloud.Options = dataclasses.field(default_factory=cloud.Options)
    work_base: pathlib.Path | None = None
    cache: pathlib.Path | None = None
