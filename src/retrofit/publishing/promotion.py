"""Makes one image of ours in Glance the one that Octavia selects, or prevents that.

All that is known stands on the images: any machine with the same credentials goes on where another
one was killed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from .. import cloud, errors
from ..cloud import images
from ..model import findings
from ..provenance import marks
from . import image_states, naming, own_images, transition

_LOG = logging.getLogger(__name__)
_PLAIN = naming.Appearance()
_Patch = Sequence[Mapping[str, object]]


def promote(
    connection: cloud.Cloud,
    staged: images.Image,
    description: naming.Description,
    proof: findings.Proof | None,
) -> images.Image:
    """Give an image its name, its proof and its tags, all in one request.

    Glance saves an image's properties before its tags (``glance/db/__init__.py``,
    ``ImageRepo.save``), so even if Glance is killed meanwhile, what is found by tag is complete.
    """
    changes = [
        _set("name", description.name),
        _set("visibility", description.visibility),
        *(_set(*pair) for pair in naming.proof(proof)),
        {"op": "remove", "path": f"/{marks.STATE}"},
        _set("tags", list(description.tags)),
    ]
    return _patched(connection, staged.id, changes, tags=frozenset(description.tags), state="")


def reject(
    connection: cloud.Cloud,
    staged: images.Image,
    description: naming.Description,
    proof: findings.Proof,
) -> images.Image:
    """Keep an image that failed its proof for inspection."""
    changes = [
        _set("name", naming.failed(description.name, proof.ended)),
        *(_set(*pair) for pair in naming.proof(proof)),
        _set(marks.STATE, marks.FAILED),
    ]
    return connection.patch(staged.id, changes)


def own(connection: cloud.Cloud, tag: str) -> own_images.OwnImages:
    """Return the images of this project that were made for a tag, which may be empty."""
    found_by = own_images.Tag(tag)
    tag = found_by.certain
    mine = ("owner", connection.project_id)
    # The existing charm's images have the tags and nothing else; others may have lost the tag.
    tagged = connection.images([mine, ("tag", tag), ("tag", marks.OWN_TAG)])
    found = {image.id: image for image in tagged}
    found |= {image.id: image for image in connection.images([mine, (marks.AMP_IMAGE_TAG, tag)])}
    # Sorting keeps the order that Glance gave to images of the same second.
    newest_first = sorted(found.values(), key=lambda image: image.created_at, reverse=True)
    return own_images.OwnImages(found_by, tuple(newest_first))


def hidden(connection: cloud.Cloud, tag: str) -> list[images.Image]:
    """Return the hidden images of this project that were made for a tag, newest first.

    Lists leave them out, Octavia's too; :func:`own` does.
    """
    mine = ("owner", connection.project_id)
    return list(connection.images([mine, (marks.AMP_IMAGE_TAG, tag), ("os_hidden", "true")]))


def hide(connection: cloud.Cloud, image: images.Image, *, hidden: bool) -> images.Image:
    """Leave an image out of lists, or not any more; it can be used all the same."""
    change = {"op": "replace", "path": "/os_hidden", "value": hidden}
    return connection.patch(image.id, [change])


def published(connection: cloud.Cloud) -> Iterator[images.Image]:
    """Yield the images of this project that were published for any tag, newest first."""
    mine = ("owner", connection.project_id)
    return connection.images([mine, ("tag", marks.OWN_TAG), ("status", "active")])


def settle(connection: cloud.Cloud, tag: str) -> own_images.OwnImages:
    """Do what is left of promotions and rollbacks; return the images made for the tag.

    Raises:
        errors.RetrofitError: Something could not be done; the rest is.
    """
    found = own(connection, tag)
    changes = transition.settling(found)
    failures = []
    for change in changes:
        try:
            apply(connection, change, tag)
        except errors.RetrofitError as error:
            if tag in change.tags:
                # The others lose the tag only because this one has it.
                raise
            failures.append(error)
    if failures:
        raise failures[0]
    return own(connection, tag) if changes else found


def apply(
    connection: cloud.Cloud,
    change: transition.Change,
    tag: str,
    appearance: naming.Appearance = _PLAIN,
) -> images.Image:
    """Make one change, and set the metadata of the image."""
    image = change.image
    changes = [_set("tags", sorted(change.tags))]
    if moving := own_images.Tag(tag).moving:
        changes.append(_set(marks.AMP_IMAGE_TAG, moving))
    changes += [_set(*pair) for pair in appearance.properties]
    if appearance.visibility is not None:
        changes.append(_set("visibility", appearance.visibility))
    if change.state:
        changes.append(_set(marks.STATE, change.state))
    elif image_states.state(image):
        changes.append({"op": "remove", "path": f"/{marks.STATE}"})
    _LOG.info("image %s (%s) becomes %s", image.id, image.name, change.state or "current")
    return _patched(connection, image.id, changes, tags=change.tags, state=change.state)


def visible(connection: cloud.Cloud, tag: str) -> Iterator[images.Image]:
    """Yield the images of which Octavia selects the first, as far as this project sees them."""
    return connection.images([("tag", tag), ("status", "active")])


def _patched(
    connection: cloud.Cloud, image_id: str, changes: _Patch, *, tags: frozenset[str], state: str
) -> images.Image:
    """Change an image; if the answer was lost on the way, ask again what became of it."""
    try:
        return connection.patch(image_id, changes)
    except errors.RetrofitError:
        shown = connection.image(image_id)
        if shown.tags != tags or image_states.state(shown) != state:
            raise
        return shown


def _set(key: str, value: object) -> Mapping[str, object]:
    return {"op": "add", "path": f"/{key}", "value": value}
