"""Long text as a property of an image in Glance: compressed, the same for the same text.

Glance keeps a property's value in a column of type TEXT (``glance/db/sqlalchemy/models.py``), for
which MySQL takes 65,535 bytes. It allows 128 properties on an image (``image_property_quota``).
Nova hands properties on to machines' metadata cut to 255 characters
(``nova.utils.get_system_metadata_from_image``), where nobody reads these.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from .. import errors, model

MAX_LENGTH = 65_535

# Far above what any image needs: this is what a stranger's property may cost.
_MAX_TEXT = 2 * model.MIB


def pack(text: str) -> str:
    """Return text as the value of a property; whether Glance takes it is not looked at."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def unpack(value: str, name: str) -> str:
    """Return the text that a property of an image holds, which anybody may have written.

    Args:
        value: The property.
        name: What the text is, for messages.

    Raises:
        errors.ImageError: It is too large, or no text.
    """
    if len(value) > MAX_LENGTH:
        raise errors.ImageError(f"{name} has {len(value)} characters")
    try:
        compressed = base64.b64decode(value, validate=True)
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(compressed, _MAX_TEXT)
        if not unpacking.eof:
            raise errors.ImageError(f"{name} is truncated, or too large when it is unpacked")
        return content.decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise errors.ImageError(f"{name} is damaged: {error}") from error
