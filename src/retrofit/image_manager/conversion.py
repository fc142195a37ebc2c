"""Whether a Glance converts what it imports, which it tells nobody: seen with a tiny image.

The plugin image_conversion makes, for instance, raw images of all qcow2 images. What is then
stored has another checksum.
"""

from __future__ import annotations

import io
import logging
import struct
import time
import uuid

from .. import cloud, errors
from ..provenance import marks
from . import awaiting

_LOG = logging.getLogger(__name__)

_NAME = "retrofit test of image conversion"
_FORMAT = "qcow2"
_TIMEOUT_S = 120.0
_CLUSTER = 512


def happens(connection: cloud.Cloud) -> bool:
    """Import a tiny image, see whether it has another format then, and delete it.

    Args:
        connection: Where; this Glance imports what was uploaded.
    """
    try:
        _remove_left(connection)
        return _converted(connection)
    except errors.RetrofitError as error:
        _LOG.info("whether Glance converts images is not known: %s", error)
        return False


def _remove_left(connection: cloud.Cloud) -> None:
    """Delete what killed runs left."""
    for image in connection.images([("owner", connection.project_id), ("name", _NAME)]):
        if image.properties.get(marks.STATE) == marks.IMPORTING:
            connection.delete(image.id)


def _converted(connection: cloud.Cloud) -> bool:
    image_id = str(uuid.uuid4())
    try:
        image = connection.create(
            image_id,
            name=_NAME,
            disk_format=_FORMAT,
            properties=((marks.STATE, marks.IMPORTING),),
        )
        connection.stage(image_id, io.BufferedReader(io.BytesIO(_qcow2())))
        connection.begin_import(image_id, {"name": "glance-direct"})
        stored = awaiting.whole(connection, image, time.monotonic() + _TIMEOUT_S)
        return stored.disk_format != _FORMAT
    finally:
        connection.delete(image_id)


def _qcow2() -> bytes:
    """Return an empty disk of one sector (https://www.qemu.org/docs/master/interop/qcow2.html)."""
    bits = _CLUSTER.bit_length() - 1
    # The clusters after the header: L1 table, refcount table, the block of refcounts.
    sizes = (0, 0, bits, _CLUSTER, 0, 1, _CLUSTER, 2 * _CLUSTER, 1, 0, 0)
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, *sizes)
    refcount_table = struct.pack(">Q", 3 * _CLUSTER)
    refcounts = struct.pack(">4H", 1, 1, 1, 1)
    parts = (header, b"", refcount_table, refcounts)
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)
