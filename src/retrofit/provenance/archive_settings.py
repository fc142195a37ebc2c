"""What an image's apt or dnf was told of as one property in Glance: compressed JSON.

The sources of an Ubuntu image with the key of its archive need some 6,000 characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import pydantic

from .. import errors, model
from . import property_text

_NAME = "the list of archives"
# What is read from the property is written below a directory: no path in it leads elsewhere.
_WORD = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*"
# Repositories of COPR have colons in their names.
TEXT_PATH = re.compile(
    rf"/etc/(?:apt(/{_WORD}){{1,4}}|(?:dnf|yum|yum\.repos\.d)(/[A-Za-z0-9_+-][A-Za-z0-9_.+:-]*){{1,2}})"
)
KEY_PATH = re.compile(rf"(/{_WORD}){{2,8}}")

_Text = Annotated[str, pydantic.Field(max_length=property_text.MAX_LENGTH)]
_TextPath = Annotated[str, pydantic.Field(max_length=255, pattern=rf"^{TEXT_PATH.pattern}$")]
_KeyPath = Annotated[str, pydantic.Field(max_length=255, pattern=rf"^{KEY_PATH.pattern}$")]
_Key = Annotated[pydantic.Base64Bytes, pydantic.Field(max_length=property_text.MAX_LENGTH)]


class _Property(pydantic.BaseModel):
    """The JSON object; what newer versions write is passed over."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    texts: Mapping[_TextPath, _Text] = {}
    keys: Mapping[_KeyPath, _Key] = {}
    left: Mapping[_Text, _Text] = {}


def encode(settings: model.ArchiveSettings) -> str:
    """Return settings as text for a property."""
    told = _Property.model_construct(
        texts=dict(settings.texts), keys=dict(settings.keys), left=dict(settings.left)
    )
    return property_text.pack(told.model_dump_json(exclude_defaults=True))


def decode(encoded: str) -> model.ArchiveSettings:
    """Return the settings that a property of an image holds, which anybody may have written.

    Raises:
        errors.ImageError: It is too large, or holds no settings.
    """
    text = property_text.unpack(encoded, _NAME)
    try:
        told = _Property.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise errors.ImageError(f"{_NAME} is damaged: {place}: {first['msg']}") from error
    return model.ArchiveSettings(
        texts=tuple(sorted(told.texts.items())),
        keys=tuple(sorted(told.keys.items())),
        left=tuple(sorted(told.left.items())),
    )
