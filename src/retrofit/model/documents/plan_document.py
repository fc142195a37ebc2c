"""Plans in files: what ``retrofit plan --json`` prints and ``retrofit run --plan`` does.

docs/reference/plan.md describes the keys.
"""

from __future__ import annotations

import pydantic

from .. import BaseImage
from ..reasons import Action, Kind, Reason
from . import Document, Part, Time, UntrustedImage


class Base(Part):
    """The base image that is to be used."""

    id: str
    name: str
    hash: str
    version: str


class CurrentImage(Part):
    """The current image."""

    id: str
    name: str
    created_at: Time


class Image(Part):
    """What is to be done about one image, as :class:`retrofit.planning.plan.Plan`.

    Attributes:
        name: What the request is called.
        action: What is to be done.
        summary: What, and why, in one line.
        reasons: Why.
        project_id: The project in which it is made: the cloud, so to speak.
        tag: By which Octavia finds it.
        base: What it is to be made of.
        untrusted: Images of untrusted projects that are not used as the base image.
        image: What there is.
        fingerprint: Identity of the inputs.
        inputs: The inputs, as an image tells them.
    """

    name: str
    action: Action
    summary: str
    reasons: tuple[Reason, ...]
    project_id: str
    tag: str
    base: Base
    untrusted: tuple[UntrustedImage, ...] = pydantic.Field(alias="foreign")
    image: CurrentImage | None
    fingerprint: str
    inputs: dict[str, str]

    @property
    def base_image(self) -> BaseImage:
        """The base image, as far as it was kept."""
        base = self.base
        return BaseImage(
            id=base.id, name=base.name, content_hash=base.hash, version_name=base.version
        )

    @property
    def packages(self) -> dict[str, str]:
        """Version that each package is to be upgraded to, by its name."""
        return {
            change.name: change.after
            for reason in self.reasons
            if reason.kind in (Kind.SECURITY, Kind.PACKAGES)
            for change in reason.changes
        }


class File(Document):
    """A plan file.

    Attributes:
        engine: Version of this project.
        images: What is to be done.
    """

    version: int = 1
    engine: str
    images: tuple[Image, ...]
