"""Goes back to the image that was current before."""

from __future__ import annotations

import dataclasses

from .. import cloud, errors
from ..cloud import images
from . import naming, own_images, promotion, survey, transition


@dataclasses.dataclass(frozen=True)
class Rollback:
    """What a rollback did.

    Attributes:
        current: The image that Octavia selects from now on.
        rolled_back: The image that it selected before.
        shadowing: Shadowing images.
    """

    current: images.Image
    rolled_back: images.Image
    shadowing: tuple[survey.ShadowingImage, ...]


def rollback(connection: cloud.Cloud, tag: str) -> Rollback:
    """Make the previous image current again: the newest proven one before the current one.

    The current image is marked first and keeps its tag until the previous image has it: killed at
    any moment, this leaves an image with the tag, and the next command finishes the switch.

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
    current = own.current
    if current is None:
        raise errors.InputMissing(
            f"no image of this project has the tag {tag}",
            hint="check the tag and the project: retrofit status",
        )
    target = own.previous(current, hidden=promotion.hidden(connection, tag))
    if target is None:
        raise _nothing(current, own.unproven_previous(current))
    if target.hidden:
        # Octavia does not see a hidden image, nor does the command that finishes the switch.
        promotion.hide(connection, target, hidden=False)
    promotion.apply(connection, transition.withdrawal(current), tag)
    own = promotion.settle(connection, tag)
    restored = own.current
    rolled_back = next((image for image in own.newest_first if image.id == current.id), current)
    if restored is None or restored.id != target.id:
        raise errors.Unavailable(
            f"{target.name} ({target.id}) did not become current, because another run changed "
            "the images",
            hint="see retrofit status, and try again",
        )
    visible = promotion.visible(connection, tag)
    shadowing = survey.shadowing(visible, restored, connection.project_id)
    return Rollback(restored, rolled_back, shadowing)


def check_tag(tag: str) -> None:
    """Refuse a tag by which Octavia cannot tell one image of ours from another.

    Raises:
        errors.ConfigError: It is none.
    """
    naming.tags(tag)
    if not own_images.Tag(tag).moving:
        raise errors.ConfigError(
            f"the tag {tag!r} does not identify one current image",
            hint="set the tag that Octavia looks for: --amp-image-tag",
        )


def _nothing(current: images.Image, unproven: images.Image | None) -> errors.InputMissing:
    message = f"no image is available to roll back to from {current.name} ({current.id})"
    if unproven is None:
        return errors.InputMissing(message, hint="build another image: retrofit image --force")
    return errors.InputMissing(
        f"{message}: the previous image, {unproven.name} ({unproven.id}), was never proved",
        hint=f"if the image is good (retrofit verify glance:{unproven.id}), move the tag yourself",
    )
