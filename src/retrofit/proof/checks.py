"""The checks and trials of one kind of image, as its recipe hands them to the proof."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..model import findings

if TYPE_CHECKING:
    from . import bench, subject


@dataclasses.dataclass(frozen=True)
class Checks:
    """What images of a recipe are proved by.

    Attributes:
        rest: Checks of images at rest, in order.
        trial: How images are booted and what is asked of them; ``None`` if nobody knows.
        depth: How far both go.
    """

    rest: tuple[subject.Check, ...] = ()
    trial: bench.Trial | None = None
    depth: findings.Depth = findings.Depth.REST
