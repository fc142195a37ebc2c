"""Puts an image into Glance: uploaded, compared, proved, and only then tagged."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import pathlib
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from .. import cloud, errors
from ..cloud import images
from ..host import progress
from ..model import findings
from ..provenance import marks
from . import image_states, naming, own_images, promotion, prune, staging, survey, transition

_LOG = logging.getLogger(__name__)
_PLAIN = naming.Appearance()


@dataclasses.dataclass(frozen=True)
class Published:
    """An image of ours in Glance.

    Attributes:
        id: Its identifier.
        name: Its name.
        size: Bytes.
        content_hash: Algorithm and hexadecimal digest.
        tags: Its tags, sorted.
        created_at: When it was registered.
    """

    id: str
    name: str
    size: int
    content_hash: str
    tags: tuple[str, ...]
    created_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Publication:
    """What came of publishing an image.

    Attributes:
        image: The image that is in Glance now.
        proof: How ours was proved.
        another: Whether it is one that another run, of another machine, published meanwhile; ours
            was withdrawn.
    """

    image: Published
    proof: findings.Proof | None
    another: bool = False


class Gate(Protocol):
    """What stands between an image and its tags."""

    def prove(self) -> findings.Proof | None:
        """Prove the image; ``None`` where no proof is wanted."""

    def keep(self, proof: findings.Proof, name: str) -> pathlib.Path | None:
        """Keep the evidence of a failed proof under a name; return where, if it is kept."""


def tidy(connection: cloud.Cloud, tag: str) -> own_images.OwnImages:
    """Finish and remove what runs left that were killed; see :func:`settle`."""
    prune.tidy(connection)
    return settle(connection, tag)


def settle(connection: cloud.Cloud, tag: str) -> own_images.OwnImages:
    """Finish promotions and rollbacks that were begun, if that can be done now.

    Args:
        connection: Where.
        tag: By which Octavia finds the images; empty for none.

    Returns:
        The images of this project that were made for the tag.

    Raises:
        errors.RetrofitError: Glance does not answer.
    """
    try:
        return promotion.settle(connection, tag)
    except errors.RetrofitError as error:
        _LOG.warning("not all changes were made; the next run makes them: %s", error)
        return promotion.own(connection, tag)


def look_again(connection: cloud.Cloud, own: own_images.OwnImages) -> own_images.OwnImages:
    """Return our images as they are now, or as they were: what a run has done does not fail.

    Args:
        connection: Where.
        own: Our images as they were.
    """
    try:
        return promotion.own(connection, own.tag.name)
    except errors.RetrofitError as error:
        _LOG.warning("the images cannot be read again: %s", error)
        return own


def retag(
    connection: cloud.Cloud,
    image: images.Image,
    tag: str,
    appearance: naming.Appearance = _PLAIN,
) -> Published:
    """Give a published image a tag, by which Octavia then finds it, and its metadata.

    Args:
        connection: Where it is.
        image: The image.
        tag: The tag, which it may have already; empty for none.
        appearance: Metadata of the image: labels, visibility, properties.

    Raises:
        errors.RetrofitError: Glance does not answer, or refuses; nothing was changed.
    """
    tags = image.tags | {*naming.tags(tag), *appearance.labels}
    change = transition.Change(image, tags, "")
    tagged = promotion.apply(connection, change, tag, appearance)
    _attempt(lambda: promotion.settle(connection, tag))
    return described(tagged)


def shadowing(
    connection: cloud.Cloud, own: own_images.OwnImages
) -> tuple[survey.ShadowingImage, ...]:
    """Return the shadowing images of our newest image, as far as this project sees them.

    Args:
        connection: Where.
        own: Our images.
    """
    if not own.tag.name:
        return ()
    try:
        visible = promotion.visible(connection, own.tag.name)
        return survey.shadowing(visible, own.current, connection.project_id)
    except errors.RetrofitError as error:
        # What is published is published, whether this is known or not.
        _LOG.warning("shadowing images are not known: %s", error)
        return ()


def publish(
    connection: cloud.Cloud,
    file: pathlib.Path,
    description: naming.Description,
    *,
    hashes: Mapping[str, str],
    same_fingerprint: Collection[str],
    gate: Gate,
    reporter: progress.Reporter,
    turn: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> Publication:
    """Publish an image; after an error or an interruption nothing is left of it.

    An older image of ours for the same tag loses it. One with the same name gets the time it was
    made added to its name.

    Args:
        connection: Where to.
        file: The image.
        description: How it is to appear.
        hashes: Its hashes as far as they are known, hexadecimal, by algorithm.
        same_fingerprint: Identifiers of the images that had the same fingerprint when this
            image was planned.
        gate: What it has to pass.
        reporter: Told of the steps, and how many bytes of how many were sent.
        turn: Entered wherever something is changed, so that runs beside this one wait.

    Raises:
        errors.ProofFailed: It did not pass; it is in Glance for inspection, without tags.
        errors.NoSpace: A quota or the store is full.
        errors.Denied: The user may not make images.
        errors.ConfigError: Glance does not take that format.
        errors.Unavailable: Glance does not answer, or stored something else.
    """
    image_id = str(uuid.uuid4())
    try:
        with turn(), progress.step(reporter, "upload"):
            staged = staging.stage(
                connection,
                image_id,
                file,
                description,
                hashes=hashes,
                advanced=reporter.advanced,
            )
        proof = gate.prove()
        with turn(), progress.step(reporter, "promote"):
            if proof is None or proof.passed:
                depth = findings.Depth.OFF if proof is None else proof.depth
                other = _published_meanwhile(connection, description, depth, same_fingerprint)
                if other is not None:
                    staging.withdraw(connection, image_id)
                    return Publication(described(other), proof, another=True)
                _free_name(connection, description.name, image_id)
                finished = promotion.promote(connection, staged, description, proof)
            else:
                finished = promotion.reject(connection, staged, description, proof)
    except BaseException:
        staging.withdraw(connection, image_id)
        raise
    if proof is not None and not proof.passed:
        with turn():
            _attempt(lambda: prune.tidy(connection))
        raise findings.refusal(
            proof,
            description.name,
            kept=gate.keep(proof, image_id),
            image_id=image_id,
            image_name=finished.name,
        )
    with turn():
        # It is published all the same, and Octavia selects the newest.
        _attempt(lambda: promotion.settle(connection, description.amp_image_tag))
        # Another machine may have published under that name meanwhile.
        _attempt(lambda: _free_name(connection, finished.name, image_id))
    return Publication(described(finished), proof)


def _published_meanwhile(
    connection: cloud.Cloud,
    description: naming.Description,
    depth: findings.Depth,
    same_fingerprint: Collection[str],
) -> images.Image | None:
    """Return the same image, if another run has published it since this one was planned."""
    query = [
        ("owner", connection.project_id),
        (marks.FINGERPRINT, description.fingerprint),
        ("tag", own_images.Tag(description.amp_image_tag).certain),
    ]
    found = [image for image in connection.images(query) if image.id not in same_fingerprint]
    return image_states.published(found, depth)


def _attempt(action: Callable[[], object]) -> None:
    """Do what a later run does as well, if it cannot be done now."""
    try:
        action()
    except errors.RetrofitError as error:
        _LOG.warning("not all changes were made; the next run makes them: %s", error)


def _free_name(connection: cloud.Cloud, name: str, image_id: str) -> None:
    """Keep names unique: other images of ours of that name get their time added."""
    for image in _called(connection, name):
        if image.id == image_id:
            continue
        longer = naming.superseded(name, image.created_at)
        if _called(connection, longer):
            # Glance tells seconds, and two were made in one.
            longer = naming.told_apart(longer, image.id)
        connection.patch(image.id, [{"op": "replace", "path": "/name", "value": longer}])


def _called(connection: cloud.Cloud, name: str) -> list[images.Image]:
    """Return the images of ours that have a name, hidden ones, too."""
    query = [("owner", connection.project_id), ("name", name)]
    return [
        image
        for hidden in ("false", "true")
        for image in connection.images([*query, ("os_hidden", hidden)])
        if marks.OWN_TAG in image.tags or marks.FINGERPRINT in image.properties
    ]


def described(image: images.Image) -> Published:
    """Return what there is to say of an image that is in Glance."""
    return Published(
        id=image.id,
        name=image.name,
        size=image.size,
        content_hash=image.content_hash,
        tags=tuple(sorted(image.tags)),
        created_at=image.created_at,
    )
