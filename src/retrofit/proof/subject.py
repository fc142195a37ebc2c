"""An image at rest, opened for checks."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

from .. import model
from ..building.disk import layout
from ..model import findings


@dataclasses.dataclass(frozen=True)
class Expected:
    """What the caller knows an image has to be.

    Attributes:
        architecture: Debian architecture; empty if any will do.
        flavor_disk: Bytes of the disk that a machine started from it gets.
    """

    architecture: str = ""
    flavor_disk: int = 8 * model.GIB


@dataclasses.dataclass(frozen=True)
class Subject:
    """An image at rest.

    Attributes:
        image: The image file.
        raw: Its content, as a raw disk that nothing has touched.
        layout: What is where on it.
        tree: Its files, in their places.
        packages: What is installed in it.
        expected: What it has to be.
        work: Directory for temporary files.
        evidence: Directory for what is kept after a failure.
    """

    image: pathlib.Path
    raw: pathlib.Path
    layout: layout.Layout
    tree: pathlib.Path
    packages: tuple[model.Package, ...]
    expected: Expected
    work: pathlib.Path
    evidence: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of an image at rest.

    Attributes:
        name: What it checks: words in lower case, such as ``machine id``.
        look: Looks at the image. A :class:`retrofit.errors.RetrofitError` that it raises is a
            failure of the image.
    """

    name: str
    look: Callable[[Subject], findings.Verdict]
