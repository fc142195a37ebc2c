"""How to make a base image from a package mirror."""

from __future__ import annotations

import dataclasses

from . import contents, shape


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to make a base image.

    Attributes:
        distribution: Such as ``debian``.
        version: Such as ``12``.
        release: Series, such as ``bookworm``.
        architecture: Debian's name.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        shape: What its disk is like, with a layout.
        holds: What it holds.
        snapshot: Identifier of the snapshots of the mirrors; empty takes the present.
    """

    distribution: str
    version: str
    release: str
    architecture: str
    mirror: str
    shape: shape.Shape
    holds: contents.Contents = contents.Contents()  # noqa: RUF009 -- frozen
    snapshot: str = ""
