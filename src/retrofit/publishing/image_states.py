"""What an image says of itself by its properties: its state, how far it is proved.

Octavia selects the newest active image with its tag, whatever the image's other metadata says
(https://opendev.org/openstack/octavia, ``image/drivers/glance_driver.py``). So an image of ours
gets the tag only when it is proved, and loses it only when another one has it.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def published(found: Iterable[images.Image], wanted: findings.Depth) -> images.Image | None:
    """Return the first image that was published and is proved enough, whatever its tag."""
    for image in found:
        if is_published(image) and depth(image).includes(wanted):
            return image
    return None


def is_published(image: images.Image) -> bool:
    """Tell whether an image is one of ours, whole, and meant for Octavia.

    Images of the existing charm are not: they have no fingerprint.
    """
    return (
        image.status == "active"
        and marks.OWN_TAG in image.tags
        and marks.FINGERPRINT in image.properties
        and not state(image)
    )
