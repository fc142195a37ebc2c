"""Removes images of ours that nobody needs: what newer ones have replaced, and what runs left."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Callable, Sequence

from .. import cloud, errors
from ..cloud import images, usage
from ..provenance import marks
from . import own_images, promotion, retention

_LOG = logging.getLogger(__name__)
_CHANGED = "the image changed in the meantime; a later run handles it"
# Of images that never became current.
_UNFINISHED = (marks.UPLOADING, marks.UNPROVEN, marks.FAILED)


@dataclasses.dataclass(frozen=True)
class Pruning:
    """What becomes of images that are not wanted any more.

    Attributes:
        steps: What is to be done, or was done: one for each image. One that is kept although it
            is not wanted has one, too, which says why.
        problem: What keeps images from being deleted until somebody does something about it, in
            one line; empty if nothing does.
    """

    steps: tuple[retention.Step, ...] = ()
    problem: str = ""

    def having(self, action: retention.Action) -> tuple[retention.Step, ...]:
        """Return the steps of one kind."""
        return tuple(step for step in self.steps if step.action is action)


def look(connection: cloud.Cloud, tag: str, keep: int) -> Pruning:
    """Return what is to be done for a tag, and about what runs left; changes nothing.

    Args:
        connection: Where.
        tag: By which Octavia finds the images; empty for none.
        keep: How many are kept of each architecture, the current one included; 0 keeps all.

    Raises:
        errors.RetrofitError: Glance does not answer.
    """
    return _spared(connection, _all(connection, tag, keep))


def prune(connection: cloud.Cloud, tag: str, keep: int) -> Pruning:
    """Do what :func:`look` returns; what is refused is left to a later run, and said.

    Raises:
        errors.RetrofitError: Glance does not answer.
    """
    promotion.settle(connection, tag)
    pruning = look(connection, tag, keep)
    return _done(connection, pruning, lambda: _all(connection, tag, keep))


def retire(connection: cloud.Cloud, own: own_images.OwnImages, keep: int) -> Pruning:
    """Hide and delete what newer images have replaced, at the end of a run.

    The run has done what it was for: this does not fail.

    Args:
        connection: Where.
        own: Our images.
        keep: How many are kept of each architecture, the current one included; 0 keeps all.
    """
    try:
        hidden = _hidden(connection, own.tag, keep)
        pruning = _spared(connection, _rotation(own, hidden, keep))
        return _done(connection, pruning, lambda: _looked(connection, own.tag.name, keep))
    except errors.RetrofitError as error:
        _LOG.warning("not everything was removed; the next run tries again: %s", error)
        return Pruning()


def tidy(connection: cloud.Cloud) -> None:
    """Remove what runs left that were killed, and all but the last one that failed its proof.

    Raises:
        errors.RetrofitError: Glance does not answer.
    """
    pruning = _spared(connection, _leftovers(connection))
    _done(connection, pruning, lambda: _leftovers(connection))


def _all(connection: cloud.Cloud, tag: str, keep: int) -> list[retention.Step]:
    return [*_leftovers(connection), *_looked(connection, tag, keep)]


def _leftovers(connection: cloud.Cloud) -> list[retention.Step]:
    marked = [
        image
        for state in _UNFINISHED
        for image in connection.images([("owner", connection.project_id), (marks.STATE, state)])
    ]
    return retention.leftovers(marked, _now())


def _looked(connection: cloud.Cloud, tag: str, keep: int) -> list[retention.Step]:
    """Decide by what there is now."""
    # What a rollback of another machine shows meanwhile is on both lists, better than on none.
    hidden = _hidden(connection, own_images.Tag(tag), keep)
    return _rotation(promotion.own(connection, tag), hidden, keep)


def _hidden(connection: cloud.Cloud, tag: own_images.Tag, keep: int) -> list[images.Image]:
    """Return the hidden images, if they matter."""
    return promotion.hidden(connection, tag.moving) if tag.moving and keep else []


def _rotation(
    own: own_images.OwnImages, hidden: Sequence[images.Image], keep: int
) -> list[retention.Step]:
    shown = {image.id for image in own.newest_first}
    hidden = [image for image in hidden if image.id not in shown]
    return retention.rotation(own, hidden, keep=keep, now=_now())


def _spared(connection: cloud.Cloud, steps: Sequence[retention.Step]) -> Pruning:
    """Ask who uses what is to be deleted."""
    # One that failed its proof may be on both lists.
    wanted = list({step.image.id: step for step in steps}.values())
    asked = [image.id for image in retention.in_question(wanted)]
    found = usage.ask(connection, asked)
    problem = f"no image is deleted: {found.unknown}" if found.unknown else ""
    return Pruning(tuple(retention.spare(wanted, found.users, found.unknown)), problem)


def _done(
    connection: cloud.Cloud, pruning: Pruning, again: Callable[[], list[retention.Step]]
) -> Pruning:
    """Take the steps; return what was done.

    Args:
        connection: Where.
        pruning: What is to be done.
        again: Decides once more. To ask who uses images takes a while, in which another machine
            may have gone back to an image.
    """
    if pruning.problem:
        _LOG.warning("%s", pruning.problem)
    if len(pruning.having(retention.Action.KEEP)) == len(pruning.steps):
        return pruning
    still = {(step.image.id, step.action) for step in again()}
    steps = (
        _taken(connection, step)
        if step.action is retention.Action.KEEP or (step.image.id, step.action) in still
        else _kept(step, _CHANGED)
        for step in pruning.steps
    )
    return dataclasses.replace(pruning, steps=tuple(steps))


def _taken(connection: cloud.Cloud, step: retention.Step) -> retention.Step:
    """Take a step; return it, or that the image is kept and why."""
    if step.action is retention.Action.KEEP:
        return step
    try:
        if not _is_as_it_was(connection, step.image):
            return _kept(step, _CHANGED)
        _LOG.info("%s %s (%s): %s", step.action, step.image.id, step.image.name, step.reason)
        if step.action is retention.Action.HIDE:
            promotion.hide(connection, step.image, hidden=True)
        else:
            connection.delete(step.image.id)
    except errors.RetrofitError as error:
        # Ceph refuses to delete an image of which there are clones.
        _LOG.info("image %s (%s) stays: %s", step.image.id, step.image.name, error)
        return _kept(step, f"{error.message}; a later run tries again")
    return step


def _is_as_it_was(connection: cloud.Cloud, image: images.Image) -> bool:
    """Tell whether an image is still what was decided about; also if it is gone already."""
    try:
        return connection.image(image.id) == image
    except errors.InputMissing:
        return True


def _kept(step: retention.Step, reason: str) -> retention.Step:
    return dataclasses.replace(step, action=retention.Action.KEEP, reason=reason)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
