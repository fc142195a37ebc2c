"""Puts an image into Glance: uploaded, compared, and only then tagged."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import io
import logging
import pathlib
import uuid
from collections.abc import Callable

from . import cloud, errors, images, naming

_LOG = logging.getLogger(__name__)
# Between registering an image and sending its data lies a moment; only what stands there longer is
# a leftover.
_LEFTOVER_AGE = datetime.timedelta(minutes=1)


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


def find_current(connection: cloud.Cloud, fingerprint: str, *, tag: str) -> Published | None:
    """Return the newest usable image of this project that was made from the same inputs.

    An image that the former charm made has no fingerprint and so is never current.

    Raises:
        errors.ConfigError: The tag is not one that Glance takes.
    """
    filters = [
        ("status", "active"),
        ("owner", connection.project_id),
        (naming.FINGERPRINT, fingerprint),
        *(("tag", each) for each in naming.tags(tag)),
    ]
    found = next(connection.images(filters), None)
    return None if found is None else _published(found)


def check_current(connection: cloud.Cloud, fingerprint: str, *, tag: str) -> None:
    """Refuse to build what is published already.

    Raises:
        errors.UpToDate: It is; the message names the image.
        errors.ConfigError: The tag is not one that Glance takes.
    """
    current = find_current(connection, fingerprint, tag=tag)
    if current is not None:
        raise errors.UpToDate(
            f"the image is up to date: {current.name} ({current.id})",
            hint="force a build to have it made again",
            image_id=current.id,
            image_name=current.name,
            created_at=current.created_at,
        )


def publish(
    connection: cloud.Cloud,
    file: pathlib.Path,
    description: naming.Description,
    *,
    advanced: Callable[[int, int], None],
) -> Published:
    """Publish an image; after a failure or an interruption nothing is left of it.

    An older image of ours with the same name keeps its tags and gets the time it was made added to
    its name.

    Args:
        connection: Where to.
        file: The image.
        description: How it is to appear.
        advanced: Told how many bytes of how many were sent.

    Raises:
        errors.NoSpace: A quota or the store is full.
        errors.Denied: The user may not make images.
        errors.ConfigError: Glance does not take that format.
        errors.Unavailable: Glance does not answer, or stored something else.
    """
    # Chosen here, so that the image can be removed even if the answer to its creation is lost.
    image_id = str(uuid.uuid4())
    try:
        created = connection.create(
            image_id,
            name=description.name,
            disk_format=description.disk_format,
            properties=(*description.properties, (naming.STATE, naming.UPLOADING)),
        )
        _remove_leftovers(connection, created)
        with _Watched(file, advanced) as content:
            connection.upload(image_id, content)
        _check_stored(connection.image(image_id), file)
        finished = connection.patch(
            image_id,
            [
                {"op": "remove", "path": f"/{naming.STATE}"},
                {"op": "replace", "path": "/tags", "value": list(description.tags)},
            ],
        )
    except BaseException:
        _withdraw(connection, image_id)
        raise
    _rename_former(connection, finished)
    return _published(finished)


class _Watched(io.BufferedReader):
    """A file that tells how far it was read."""

    def __init__(self, path: pathlib.Path, advanced: Callable[[int, int], None]) -> None:
        super().__init__(io.FileIO(path))
        self._size = path.stat().st_size
        self._advanced = advanced

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        piece = super().read(size)
        self._advanced(self.tell(), self._size)
        return piece


def _check_stored(stored: images.Image, file: pathlib.Path) -> None:
    """Compare what Glance has with what was sent."""
    algorithm, _, expected = stored.content_hash.partition(":")
    with file.open("rb") as content:
        actual = hashlib.file_digest(
            content, lambda: hashlib.new(algorithm, usedforsecurity=False)
        )
    if stored.status != "active" or actual.hexdigest() != expected:
        raise errors.Unavailable(
            f"Glance stored something else than was sent: the image is {stored.status}, "
            f"{stored.size} bytes",
            hint="try again, and see Glance's own log",
        )


def _withdraw(connection: cloud.Cloud, image_id: str) -> None:
    """Delete an image that did not get finished, while another error is under way."""
    try:
        connection.delete(image_id)
    except errors.RetrofitError as error:
        _LOG.warning("image %s is left behind, the next upload removes it: %s", image_id, error)


def _remove_leftovers(connection: cloud.Cloud, created: images.Image) -> None:
    """Delete what uploads of this project left that could not clean up after themselves.

    Args:
        connection: Where.
        created: The image made just now; its time is the server's, as that of leftovers is.
    """
    marked = connection.images(
        [("owner", connection.project_id), (naming.STATE, naming.UPLOADING)]
    )
    for image in list(marked):
        old = image.updated_at < created.created_at - _LEFTOVER_AGE
        # Data still arrives for an image that is being saved.
        if old and image.status != "saving" and image.id != created.id:
            _LOG.info("removing %s, the leftover of a cut upload", image.id)
            connection.delete(image.id)


def _rename_former(connection: cloud.Cloud, present: images.Image) -> None:
    """Keep names unique: former images of ours of the same name get their time added."""
    former = connection.images(
        [
            ("owner", connection.project_id),
            ("name", present.name),
            ("tag", naming.OWN_TAG),
        ]
    )
    for image in list(former):
        if image.id == present.id:
            continue
        name = f"{image.name}-{image.created_at:%Y%m%dT%H%M%SZ}"
        try:
            connection.patch(image.id, [{"op": "replace", "path": "/name", "value": name}])
        except errors.RetrofitError as error:
            # The new image is published all the same, and Octavia takes the newest.
            _LOG.warning("image %s keeps its name: %s", image.id, error)


def _published(image: images.Image) -> Published:
    return Published(
        id=image.id,
        name=image.name,
        size=image.size,
        content_hash=image.content_hash,
        tags=tuple(sorted(image.tags)),
        created_at=image.created_at,
    )
