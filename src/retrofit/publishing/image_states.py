"""Which image Octavia selects, and which image it should select.

Octavia selects the newest active image with its tag, whatever the image's other metadata says
(https://opendev.org/openstack/octavia, ``image/drivers/glance_driver.py``). So an image of ours
gets the tag only when it is proved, and loses it only when another one has it. Every list of
images here is in the order in which Glance gives it, newest first: it decides between images of
the same second.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from ..cloud import images
from ..model import findings
from ..provenance import marks


def state(image: images.Image) -> str:
    """Return the state of an image; empty for one that Octavia may select."""
    return image.properties.get(marks.STATE, "")


def depth(image: images.Image) -> findings.Depth:
    """Return how far an image is proved: ``OFF`` if it is not, or failed."""
    if image.properties.get(marks.PROOF_RESULT) != marks.PASSED:
        return findings.Depth.OFF
    try:
        return findings.Depth(image.properties.get(marks.PROOF_DEPTH, ""))
    except ValueError:
        # Written by a version that knows more depths than this one.
        return findings.Depth.OFF


def architecture(image: images.Image) -> str:
    """Return the architecture of an image as Glance names it; empty if it does not say."""
    return image.properties.get("architecture", "")


def current(own: Iterable[images.Image], tag: str) -> images.Image | None:
    """Return the current image, which Octavia should select: the newest of ours with the tag.

    Args:
        own: Images of this project that were made for the tag.
        tag: By which Octavia finds images.
    """
    published = (image for image in own if tag in image.tags and _is_published(image))
    return next(published, None)


def up_to_date(
    own: Iterable[images.Image], tag: str, fingerprint: str, wanted: findings.Depth
) -> images.Image | None:
    """Return the published image that was made from the same inputs, if it is proved enough.

    An image of the existing charm has no fingerprint, so it is never up to date.
    """
    same_fingerprint = (
        image
        for image in own
        if image.properties.get(marks.FINGERPRINT) == fingerprint and tag in image.tags
    )
    return published(same_fingerprint, wanted)


def published(found: Iterable[images.Image], wanted: findings.Depth) -> images.Image | None:
    """Return the first image that was published and is proved enough, whatever its tag."""
    for image in found:
        if _is_published(image) and depth(image).includes(wanted):
            return image
    return None


def rolled_back(own: Iterable[images.Image], fingerprint: str) -> images.Image | None:
    """Return an image that was made from the same inputs and rolled back."""
    for image in own:
        made_so = image.properties.get(marks.FINGERPRINT) == fingerprint
        if made_so and state(image) == marks.ROLLED_BACK:
            return image
    return None


def previous(
    own: Iterable[images.Image], current: images.Image, *, hidden: Iterable[images.Image] = ()
) -> images.Image | None:
    """Return what a rollback makes current: the newest proven one before the current one.

    Args:
        own: Images of this project that were made for the tag.
        current: The image to roll back.
        hidden: Those of them that are hidden, which come last.
    """
    older = (image for image in hidden if image.created_at <= current.created_at)
    for image in itertools.chain(_all_previous(own, current), _replaced(older, current)):
        if depth(image) is not findings.Depth.OFF:
            return image
    return None


def unproven_previous(own: Iterable[images.Image], current: images.Image) -> images.Image | None:
    """Return a previous image that a rollback refuses because it is not proved."""
    return next(_all_previous(own, current), None)


def _is_published(image: images.Image) -> bool:
    """Tell whether an image is one of ours, whole, and meant for Octavia.

    Images of the existing charm are not: they have no fingerprint.
    """
    return (
        image.status == "active"
        and marks.OWN_TAG in image.tags
        and marks.FINGERPRINT in image.properties
        and not state(image)
    )


def _all_previous(own: Iterable[images.Image], current: images.Image) -> Iterator[images.Image]:
    onward = itertools.dropwhile(lambda image: image.id != current.id, own)
    return _replaced(itertools.islice(onward, 1, None), current)


def _replaced(older: Iterable[images.Image], current: images.Image) -> Iterator[images.Image]:
    """Yield the images that others replaced until it was the current one."""
    return (
        image
        for image in older
        if image.status == "active"
        and state(image) == marks.PREVIOUS
        and architecture(image) == architecture(current)
    )
