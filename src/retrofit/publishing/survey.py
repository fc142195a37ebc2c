"""Which image Octavia selects for a tag, and what else has or had it, as one project sees it.

Octavia may see more than that: as an administrator, also what other projects keep to themselves.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Sequence

from ..cloud import images
from ..provenance import marks
from . import image_states, own_images


@dataclasses.dataclass(frozen=True)
class ShadowingImage:
    """An image with the tag that Octavia selects instead of ours.

    Attributes:
        id: Its identifier.
        name: Its name.
        owner: Identifier of its project.
        visibility: Why it is seen: ``public``, ``shared``, …
        created_at: When it was registered.
        amp_image_owner_id: What Octavia's option of that name has to be so that it selects ours;
            empty where that does not help, as the image is in the same project.
    """

    id: str
    name: str
    owner: str
    visibility: str
    created_at: datetime.datetime
    amp_image_owner_id: str


@dataclasses.dataclass(frozen=True)
class Survey:
    """All images that matter to a tag.

    Attributes:
        selected: The image that Octavia selects now.
        current: The image that it should select: the newest of ours with the tag.
        previous: The image that a rollback makes current.
        shadowing: Shadowing images, newest first.
        failed: Images of ours whose proof failed.
        unproven: Images of ours that are being uploaded or proved, or were when that was killed;
            and such as Glance was killed at.
        rolled_back: Images of ours that were rolled back.
    """

    selected: images.Image | None
    current: images.Image | None
    previous: images.Image | None
    shadowing: tuple[ShadowingImage, ...]
    failed: tuple[images.Image, ...]
    unproven: tuple[images.Image, ...]
    rolled_back: tuple[images.Image, ...]


def shadowing(
    visible: Iterable[images.Image], leading: images.Image | None, project_id: str
) -> tuple[ShadowingImage, ...]:
    """Return the images that Octavia selects instead of one.

    Args:
        visible: Active images with the tag, whoever's they are.
        leading: The image that it should select; without one, all others are shadowing images.
        project_id: The project of our images.
    """
    before = itertools.takewhile(lambda image: leading is None or image.id != leading.id, visible)
    return tuple(
        ShadowingImage(
            id=image.id,
            name=image.name,
            owner=image.owner,
            visibility=image.visibility,
            created_at=image.created_at,
            amp_image_owner_id="" if image.owner == project_id else project_id,
        )
        for image in before
    )


def survey(
    own: own_images.OwnImages,
    visible: Sequence[images.Image],
    project_id: str,
    *,
    hidden: Sequence[images.Image] = (),
) -> Survey:
    """Sort all images that matter to a tag.

    Args:
        own: Images of this project that were made for the tag.
        visible: Active images with the tag, whoever's they are.
        project_id: The project of our images.
        hidden: Hidden images of this project that were made for the tag, newest first.
    """

    def having(*states: str) -> tuple[images.Image, ...]:
        return tuple(image for image in own.newest_first if image_states.state(image) in states)

    # Glance saves properties before tags.
    torn = tuple(
        image for image in own.newest_first if not image.tags and not image_states.state(image)
    )
    leading = own.current
    return Survey(
        selected=next(iter(visible), None),
        current=leading,
        previous=own.previous(leading, hidden=hidden) if leading else None,
        shadowing=shadowing(visible, leading, project_id),
        failed=having(marks.FAILED),
        unproven=having(marks.UPLOADING, marks.UNPROVEN) + torn,
        rolled_back=having(marks.ROLLED_BACK),
    )
