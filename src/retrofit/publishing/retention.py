"""Which images of ours are kept, and what becomes of the others: a pure decision.

Of each line, the images made for one tag and one architecture, the newest are kept: the current
one and so many before it. Older ones are hidden first and deleted later, by whatever run comes
then, if nobody uses them. A step is one change of one image; what is to follow is told from the
images alone, so it does not matter after which step somebody was killed.

Never deleted are the current image, the one that a rollback goes back to, one that is in use, one
that is found by a tag that no newer one has, and what this project did not make.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..cloud import images
from ..model import vocabulary
from ..provenance import marks
from . import image_states, own_images

# An amphora does not tell its image before it is up, nor does a volume before it is filled: who
# took an image just before it was hidden is known by then.
GRACE = datetime.timedelta(hours=1)
# No proof takes longer: the emulated boots of all its machines, each up to its time-out.
_LONGEST_PROOF = datetime.timedelta(hours=6)
# Between registering an image and sending its data lies a moment, and clocks may differ a little.
_LONGEST_PAUSE = datetime.timedelta(minutes=10)
# An image says "saving" for as long as its data arrives, and forever if Glance was killed then.
_LONGEST_UPLOAD = datetime.timedelta(days=1)
# Only in these has an image data that somebody may use.
_WHOLE = ("active", "deactivated")


class Action(vocabulary.Word):
    """What is to become of an image."""

    HIDE = "hide"
    DELETE = "delete"
    KEEP = "keep"


@dataclasses.dataclass(frozen=True)
class Step:
    """What is to become of an image that is not wanted any more.

    Attributes:
        action: What; ``KEEP`` if something stands in the way.
        image: The image.
        reason: Why, in a few words.
    """

    action: Action
    image: images.Image
    reason: str


def rotation(
    own: own_images.OwnImages,
    hidden: Sequence[images.Image],
    *,
    keep: int,
    now: datetime.datetime,
) -> list[Step]:
    """Return what is to become of images that newer ones have replaced, newest first.

    Args:
        own: Images of this project that were made for the tag.
        hidden: Hidden ones of them, newest first.
        keep: How many of each architecture are kept, the current one included; 0 keeps all.
        now: The time.
    """
    if keep < 1 or not own.tag.moving:
        return []
    only_by = _found_only(own.newest_first)
    steps: list[Step] = []
    for architecture, line in own.by_architecture():
        out_of_sight = [
            image for image in hidden if image_states.architecture(image) == architecture
        ]
        steps += _rotation(line, out_of_sight, only_by, keep=keep, now=now)
    return steps


def leftovers(marked: Iterable[images.Image], now: datetime.datetime) -> list[Step]:
    """Return what is to become of what runs left that were killed or whose proof failed.

    Args:
        marked: Images of this project with a state, newest first.
        now: The time.
    """
    steps = []
    failed = set()
    for image in filter(_is_ours, marked):
        line = image.properties.get(marks.AMP_IMAGE_TAG), image_states.architecture(image)
        if _is_abandoned(image, now):
            steps.append(_deletion(image, "a killed run left it behind"))
        elif image_states.state(image) == marks.FAILED and line in failed:
            steps.append(_deletion(image, "it failed its proof, and a newer image failed too"))
        elif image_states.state(image) == marks.FAILED:
            failed.add(line)
    return steps


def in_question(steps: Iterable[Step]) -> list[images.Image]:
    """Return the images that are to be deleted unless somebody uses them."""
    return [
        step.image
        for step in steps
        if step.action is Action.DELETE and step.image.status in _WHOLE
    ]


def spare(steps: Sequence[Step], users: Mapping[str, str], unknown: str) -> list[Step]:
    """Return steps without the deletion of what is in use.

    Args:
        steps: What would be done if nobody used anything.
        users: A user of each image that is in use, by the image's identifier.
        unknown: Why it is not known who uses images; empty if it is known.
    """
    reasons = {image.id: "its users are not known" for image in in_question(steps) if unknown} | {
        image_id: f"{user} uses it" for image_id, user in users.items()
    }
    return [
        dataclasses.replace(step, action=Action.KEEP, reason=reasons[step.image.id])
        if step.action is Action.DELETE and step.image.id in reasons
        else step
        for step in steps
    ]


def _rotation(
    line: own_images.OwnImages,
    hidden: Sequence[images.Image],
    only_by: Mapping[str, str],
    *,
    keep: int,
    now: datetime.datetime,
) -> Iterator[Step]:
    """Yield what is to become of images of one architecture, which replace one another."""
    leading = line.current
    if leading is None:
        # Without a current image nobody knows which of the others is wanted next.
        return
    hidden = [image for image in hidden if image.created_at <= leading.created_at]
    target = line.previous(leading, hidden=hidden)
    older = [*line.newest_first[line.newest_first.index(leading) + 1 :], *hidden]
    older.sort(key=lambda image: image.created_at, reverse=True)
    superseded = [image for image in older if _is_superseded(image, line.tag.moving)]
    for image in superseded[keep - 1 :]:
        if image == target:
            yield Step(Action.KEEP, image, "retrofit rollback would restore it")
        elif image.id in only_by:
            reason = f"it is the newest with the tag {only_by[image.id]}"
            yield Step(Action.KEEP, image, reason)
        else:
            yield _retirement(image, keep, now)
    for image in older:
        # Glance's times have whole seconds: one of the same second may be the newer one.
        surely_older = image.created_at < leading.created_at
        if surely_older and _is_ours(image) and image_states.state(image) == marks.FAILED:
            yield _deletion(image, "it failed its proof, and a newer image is current")


def _retirement(image: images.Image, keep: int, now: datetime.datetime) -> Step:
    """Return the next step of an image that is not wanted any more."""
    if not image.hidden:
        return Step(Action.HIDE, image, f"{keep} newer images are kept")
    # Whatever is changed of it afterwards prolongs the time.
    due = image.updated_at + GRACE
    if now < due:
        return Step(
            Action.KEEP, image, f"it is hidden, and will be deleted after {due:%Y-%m-%d %H:%M} UTC"
        )
    return _deletion(image, f"it was hidden at {image.updated_at:%Y-%m-%d %H:%M} UTC")


def _deletion(image: images.Image, reason: str) -> Step:
    if image.protected:
        return Step(Action.KEEP, image, "it is protected from deletion")
    return Step(Action.DELETE, image, reason)


def _found_only(visible: Sequence[images.Image]) -> dict[str, str]:
    """Return by identifier a tag by which this image is found, and no newer one."""
    found: dict[str, images.Image] = {}
    for image in visible:
        for tag in sorted(image.tags - {marks.OWN_TAG}):
            if image.status == "active":
                found.setdefault(tag, image)
    return {image.id: tag for tag, image in found.items()}


def _is_ours(image: images.Image) -> bool:
    """Tell whether this project's image is one that we made: the existing charm's are not."""
    return marks.FINGERPRINT in image.properties


def _is_superseded(image: images.Image, tag: str) -> bool:
    """Tell whether an image is one of ours that a newer one has replaced.

    One without a state has lost its tags to a Glance that was killed, or by hand.
    """
    return (
        _is_ours(image)
        and tag not in image.tags
        and image_states.state(image) in (marks.PREVIOUS, marks.ROLLED_BACK, "")
    )


def _is_abandoned(image: images.Image, now: datetime.datetime) -> bool:
    """Tell whether nobody can be at work on an image any more."""
    longest = {marks.UPLOADING: _LONGEST_PAUSE, marks.UNPROVEN: _LONGEST_PROOF}
    state = image_states.state(image)
    if state not in longest:
        return False
    allowed = _LONGEST_UPLOAD if image.status == "saving" else longest[state]
    return now - image.updated_at > allowed
