"""Goes back to the image that was current before."""

from __future__ import annotations

import dataclasses

from .. import cloud, errors
from ..cloud import images
from ..provenance import marks
from . import current as standing
from . import naming, promotion, survey, transition


@dataclasses.dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Attributes:
        current: The image that Octavia takes from now on.
        rolled_back: The image that it took before.
        shadowing: Shadowing images.
    """

    current: images.Image
    rolled_back: images.Image
    shadowing: tuple[survey.ShadowingImage, ...]


def rollback(connection: cloud.Cloud, tag: str) -> Rollback:
    """Make the former image current again: the newest proven one before the present one.

    The present one is marked first and keeps its tag until the former one has it: killed at any
    moment, this leaves an image with the tag, and whoever comes next finishes it.

    Args:
        connection: Where.
        tag: By which Octavia finds the images.

    Raises:
        errors.ConfigError: The tag is none that moves from image to image.
        errors.InputMissing: There is no image to go back to; nothing was changed.
        errors.RetrofitError: Glance does not answer, or refuses.
    """
    check_tag(tag)
    own = promotion.settle(connection, tag)
    present = standing.lead(own, tag)
    if present is None:
        raise errors.InputMissing(
            f"no image of this project has the tag {tag}",
            hint="check the tag and the project: retrofit status",
        )
    target = standing.former(own, present, hidden=promotion.hidden(connection, tag))
    if target is None:
        raise _nothing(present, standing.unproven_former(own, present))
    if target.hidden:
        # Octavia does not see it so, nor does whoever finishes this.
        promotion.hide(connection, target, hidden=False)
    promotion.apply(connection, transition.withdrawal(present), tag)
    own = promotion.settle(connection, tag)
    current = standing.lead(own, tag)
    rolled_back = next((image for image in own if image.id == present.id), present)
    if current is None or current.id != target.id:
        raise errors.Unavailable(
            f"{target.name} ({target.id}) did not become current: another run interfered",
            hint="see retrofit status, and try again",
        )
    visible = promotion.visible(connection, tag)
    shadowing = survey.shadowing(visible, current, connection.project_id)
    return Rollback(current, rolled_back, shadowing)


def check_tag(tag: str) -> None:
    """Refuse a tag by which Octavia cannot tell one image of ours from another.

    Raises:
        errors.ConfigError: It is none.
    """
    naming.tags(tag)
    if tag in ("", marks.OWN_TAG):
        raise errors.ConfigError(
            f"the tag {tag!r} says nothing of which image is current",
            hint="name the tag that Octavia looks for: --amp-image-tag",
        )


def _nothing(present: images.Image, unproven: images.Image | None) -> errors.InputMissing:
    message = f"there is no image to go back to from {present.name} ({present.id})"
    if unproven is None:
        return errors.InputMissing(message, hint="make another one: retrofit image --force")
    return errors.InputMissing(
        f"{message}: the former one, {unproven.name} ({unproven.id}), was never proved",
        hint=f"if it is good (retrofit verify glance:{unproven.id}), move the tag by hand",
    )
