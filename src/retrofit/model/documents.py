"""JSON documents that this project writes and reads back."""

from __future__ import annotations

import pydantic


class Part(pydantic.BaseModel):
    """A part of a document: hyphens in its names; what newer versions write is passed over."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=True,
        # Most commands read few of the documents that there are.
        defer_build=True,
    )
