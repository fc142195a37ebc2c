"""Brings an image into Glance, private, untagged and under another name: nothing selects it."""

from __future__ import annotations

import io
import logging
import pathlib
from collections.abc import Callable, Mapping

from .. import cloud, errors
from ..cloud import images
from ..host import files
from ..provenance import marks
from . import naming

_LOG = logging.getLogger(__name__)


def stage(
    connection: cloud.Cloud,
    image_id: str,
    file: pathlib.Path,
    description: naming.Description,
    *,
    hashes: Mapping[str, str],
    advanced: Callable[[int, int], None],
) -> images.Image:
    """Upload an image, and compare what Glance stored with the file.

    Args:
        connection: Where to.
        image_id: Identifier for it, chosen by the caller: so it can be removed even if the answer
            to its creation is lost.
        file: The image.
        description: How it is to appear in the end.
        hashes: Its hashes as far as they are known, hexadecimal, by algorithm.
        advanced: Told how many bytes of how many were sent.

    Raises:
        errors.RetrofitError: As :func:`retrofit.publishing.publish.publish`.
    """
    connection.create(
        image_id,
        name=naming.unproven(description.name, image_id),
        disk_format=description.disk_format,
        properties=(*description.properties, (marks.STATE, marks.UPLOADING)),
        further={"min_disk": description.min_disk, "min_ram": description.min_ram},
    )
    with _Watched(file, advanced) as content:
        connection.upload(image_id, content)
    _check_stored(connection.image(image_id), file, hashes)
    change = {"op": "replace", "path": f"/{marks.STATE}", "value": marks.UNPROVEN}
    return connection.patch(image_id, [change])


def withdraw(connection: cloud.Cloud, image_id: str) -> None:
    """Delete an image that did not get finished, while another error is under way."""
    try:
        if connection.image(image_id).tags:
            # It was promoted all the same, only the answer was lost: previous ones may have lost
            # their tag already.
            _LOG.warning("image %s is published", image_id)
            return
        connection.delete(image_id)
    except errors.InputMissing:
        _LOG.debug("image %s was not registered", image_id)
    except errors.RetrofitError as error:
        _LOG.warning("image %s could not be removed; a later run removes it: %s", image_id, error)


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


def _check_stored(stored: images.Image, file: pathlib.Path, hashes: Mapping[str, str]) -> None:
    """Compare what Glance has with what was sent."""
    algorithm, _, expected = stored.content_hash.partition(":")
    # Which algorithm Glance uses is set there (hashing_algorithm).
    actual = hashes.get(algorithm) or files.digest(file, algorithm)
    if stored.status != "active" or actual != expected:
        raise errors.Unavailable(
            f"the content in Glance differs from the uploaded file: the image is {stored.status}, "
            f"{stored.size} bytes",
            hint="try again, and see Glance's log",
        )
