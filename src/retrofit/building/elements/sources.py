"""Where a recipe takes elements of other projects from; loads nothing, as packing runs it bare."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

from ... import model


@dataclasses.dataclass(frozen=True)
class Source:
    """Elements of another project, of one release.

    Attributes:
        name: The project's name.
        version: Its release.
        find: Returns the directory of the elements, given the proxies to fetch them through.
    """

    name: str
    version: str
    find: Callable[[model.Proxies], pathlib.Path]
