"""JSON documents that this project writes and reads back: one contract for engine and charm.

A document says the version of its form. An older one is read, as a release must understand what
the one before it left; a newer one is refused by name, as nobody knows what its keys mean.
"""

from __future__ import annotations

import datetime
import json
from typing import Annotated, Any, TypeVar

import pydantic

from ... import errors

_D = TypeVar("_D", bound="Document")
# What was written before documents had a version.
_FIRST = 1

Time = Annotated[
    pydantic.AwareDatetime,
    pydantic.PlainSerializer(datetime.datetime.isoformat, return_type=str, when_used="json"),
]


class Part(pydantic.BaseModel):
    """A part of a document: hyphens in its names; keys that it does not know are passed over."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="ignore",
        from_attributes=True,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
        # Most commands read few of the documents that there are.
        defer_build=True,
    )

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return self.model_dump(mode="json", by_alias=True)


class Document(Part):
    """A document, or a line of one that holds several.

    Attributes:
        version: Version of its form. A kind of document sets as the default the one that is
            written, which is also the newest that is read: it changes when the meaning of a key
            does.
    """

    version: int


def parse(kind: type[_D], text: str | bytes, name: object) -> _D:
    """Return a document that this release or an earlier one has written.

    Args:
        kind: What kind of document it is.
        text: The document as JSON.
        name: What it is called, such as the path of its file.

    Raises:
        errors.NewerDocument: A newer release has written it.
        ValueError: It is no such document.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object")
    newest = kind.model_fields["version"].default
    version = found.get("version", _FIRST)
    if isinstance(version, int) and version > newest:
        raise errors.NewerDocument(
            f"{name} has version {version}, but this release supports only versions up to "
            f"{newest}",
            hint="upgrade to the release that wrote it, or remove the file",
        )
    # What was read is of this release's form from now on.
    return kind.model_validate(found | {"version": newest})


class UntrustedImage(Part):
    """An image of an untrusted project that would be the base image otherwise.

    Attributes:
        id: Its identifier.
        name: Its name.
        owner: Identifier of its project.
        visibility: Why it is seen: ``shared``, ``community``, …
    """

    id: str
    name: str = ""
    owner: str
    visibility: str = ""
