"""What has to change so that Octavia selects another image, step by step.

A step is one change of one image, and whoever makes them may be killed after any. What was begun
can be told from the images alone, so the next one to come goes on from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ..cloud import images
from ..provenance import marks
from . import image_states, own_images


@dataclasses.dataclass(frozen=True)
class Change:
    """What an image is to become.

    Attributes:
        image: The image as it is.
        tags: The tags it gets.
        state: The state it gets; empty for none.
    """

    image: images.Image
    tags: frozenset[str]
    state: str


def withdrawal(current: images.Image) -> Change:
    """Return what begins a rollback: :func:`settling` does the rest, whoever comes to it."""
    return Change(current, current.tags, marks.ROLLED_BACK)


def settling(own: own_images.OwnImages) -> list[Change]:
    """Return what is left to do of promotions and rollbacks, in an order that is safe.

    After each change the newest image with the tag is one that was published; where an image had
    the tag, one has it.
    """
    if not own.tag.moving:
        return []
    return [change for _, these in own.by_architecture() for change in _settling(these)]


def _settling(own: own_images.OwnImages) -> Iterator[Change]:
    """Yield what is left to do with the images of one architecture."""
    tag = own.tag.moving
    tagged = [image for image in own.newest_first if tag in image.tags]
    leading = own.current
    if leading is None:
        withdrawn = next(
            (image for image in tagged if image_states.state(image) == marks.ROLLED_BACK), None
        )
        leading = own.previous(withdrawn) if withdrawn else None
        if leading is None:
            return
        yield Change(leading, leading.tags | {tag, marks.OWN_TAG}, "")
    older = own.newest_first[own.newest_first.index(leading) + 1 :]
    for image in tagged:
        if image != leading and (image in older or image_states.state(image) == marks.ROLLED_BACK):
            yield Change(image, image.tags - {tag}, image_states.state(image) or marks.PREVIOUS)
