"""What an image is called in Glance: name, properties and tags.

Consumers find images by the prefix of the name and by tags: the kind of image says which. Names of
our own properties begin with ``retrofit_``.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable

from .. import __version__, errors, model
from ..model import architectures, findings
from ..provenance import marks
from . import image_metadata, own_images

_TAG_LENGTH = 255
_PROPERTY_LENGTH = 255


@dataclasses.dataclass(frozen=True)
class Kind:
    """What images of one kind have in common in Glance.

    Attributes:
        prefix: What their names begin with.
        tag: Tag by which they are found if nobody chooses another.
        title: What they are, in words.
        purpose: What they are for: a word of the SCS standard (:mod:`image_metadata`).
        properties: Properties of all of them.
    """

    prefix: str
    tag: str
    title: str
    purpose: str
    properties: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What an operator says of a published image; what is not said stays as it is.

    Attributes:
        labels: Tags in addition to the one by which it is found.
        visibility: Who sees it; ``None`` leaves it open.
        properties: Properties in addition to ours, as pairs sorted by name.
    """

    labels: tuple[str, ...] = ()
    visibility: model.Visibility | None = None
    properties: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Description:
    """How an image is to appear in Glance.

    Attributes:
        name: Its name.
        disk_format: Its format.
        properties: Its properties, as pairs sorted by name.
        tags: Its tags, sorted.
        fingerprint: Identity of all inputs (:mod:`retrofit.planning.fingerprint`).
        amp_image_tag: The tag by which Octavia finds it; empty for none.
        visibility: Who sees it once it is published.
        min_disk: GiB that a machine of it needs at least.
        min_ram: MiB that a machine of it needs at least; 0 if that is not known.
    """

    name: str
    disk_format: model.ImageFormat
    properties: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    fingerprint: str
    amp_image_tag: str
    visibility: model.Visibility = model.Visibility.SHARED
    min_disk: int = 0
    min_ram: int = 0


_PLAIN = Appearance()


def describe(
    built: model.BuildResult,
    base: model.BaseImage | None,
    *,
    recipe: str,
    kind: Kind,
    fingerprint: str,
    tag: str,
    keep: int,
    built_on: datetime.date,
    variant: str = "",
    appearance: Appearance = _PLAIN,
    further: Iterable[tuple[str, str]] = (),
) -> Description:
    """Describe an image made from a base image.

    Args:
        built: The image, and what runs in it.
        base: What Glance says of the base image; what it leaves out comes from ``built``.
        recipe: What was made.
        kind: What all images of the recipe have in common.
        fingerprint: Identity of all inputs.
        tag: Tag by which Octavia finds the image; empty for none.
        keep: How many images of the tag are kept; 0 keeps all.
        built_on: Day on which it was built.
        variant: End of its name, where others are made that would be called the same.
        appearance: What an operator says of it.
        further: Properties that it gets in addition.

    Raises:
        errors.ConfigError: The tag is not one that Glance takes.
    """
    known = base or model.BaseImage()
    release = built.release
    tag = own_images.Tag(tag).moving
    architecture = known.architecture or architectures.kernel_architecture(release.architecture)
    os_distro = known.os_distro or release.distribution
    os_version = known.os_version or release.version
    version_name = known.version_name or marks.CUSTOM
    properties = {
        **image_metadata.standard(
            title=kind.title,
            purpose=kind.purpose,
            distribution=os_distro,
            version=os_version,
            keep=keep,
            built=built_on,
        ),
        "hw_architecture": architecture,
        "hw_firmware_type": "uefi" if built.uefi_alone else "",
        **image_metadata.inherited(dict(known.properties)),
        "architecture": architecture,
        "os_distro": os_distro,
        "os_version": os_version,
        "source_product_name": known.product_name or marks.CUSTOM,
        "source_version_name": version_name,
        marks.FINGERPRINT: fingerprint,
        marks.AMP_IMAGE_TAG: tag,
        "retrofit_source_id": known.id,
        "retrofit_source_hash": known.content_hash,
        marks.RECIPE: recipe,
        "retrofit_version": __version__,
        **dict(kind.properties),
        **dict(appearance.properties),
        **dict(further),
    }
    parts = (kind.prefix, architecture, os_distro, os_version, version_name, variant)
    return Description(
        name="-".join(filter(None, parts)),
        disk_format=built.image_format,
        properties=tuple(sorted((key, value) for key, value in properties.items() if value)),
        tags=tuple(sorted({*tags(tag), *appearance.labels})),
        fingerprint=fingerprint,
        amp_image_tag=tag,
        visibility=appearance.visibility or model.Visibility.SHARED,
        min_disk=math.ceil(built.virtual_size / model.GIB),
        min_ram=known.min_ram,
    )


def tags(tag: str) -> tuple[str, ...]:
    """Return all tags of an image of ours, sorted.

    Args:
        tag: Tag by which Octavia finds it; empty for none.

    Raises:
        errors.ConfigError: It is not a tag that Glance takes and consumers can ask for.
    """
    if len(tag) > _TAG_LENGTH:
        raise errors.ConfigError(
            f"the tag {tag[:20]}… has {len(tag)} characters, but Glance accepts only "
            f"{_TAG_LENGTH}",
            hint="choose a shorter amp-image-tag",
        )
    if tag != tag.strip() or "," in tag or not tag.isprintable():
        raise errors.ConfigError(
            f"the tag {tag!r} is not valid",
            hint="choose an amp-image-tag without commas, and without spaces at its ends, "
            "as in Octavia's option amp_image_tag",
        )
    return tuple(sorted({marks.OWN_TAG, own_images.Tag(tag).certain}))


def unproven(name: str, image_id: str) -> str:
    """Return what an image is called until it is proved: consumers match the proper beginning.

    What killed runs left may have been meant to get the same name.
    """
    return f"unproven-{told_apart(name, image_id)}"


def failed(name: str, ended: datetime.datetime) -> str:
    """Return what an image is called whose proof failed, by the time it did: names are unique."""
    return f"failed-{name}-{ended:%Y%m%dT%H%M%SZ}"


def superseded(name: str, created: datetime.datetime) -> str:
    """Return what a previous image is called when a newer one takes its name."""
    return f"{name}-{created:%Y%m%dT%H%M%SZ}"


def told_apart(name: str, image_id: str) -> str:
    """Return a name with the beginning of the image's identifier."""
    return f"{name}-{image_id[:8]}"


def proof(found: findings.Proof | None) -> tuple[tuple[str, str], ...]:
    """Return the properties that tell how an image was proved, ``None`` if it was not."""
    if found is None:
        return ((marks.PROOF_DEPTH, findings.Depth.OFF.value),)
    summary = findings.summary(found)
    if len(summary) > _PROPERTY_LENGTH:
        summary = summary[: _PROPERTY_LENGTH - 1] + "…"
    return (
        (marks.PROOF_DEPTH, found.depth.value),
        (marks.PROOF_RESULT, marks.PASSED if found.passed else marks.FAILED),
        (marks.PROOF_TIME, found.ended.isoformat(timespec="seconds")),
        (marks.PROOF_SUMMARY, summary),
    )
