"""What people write for a base image: a path, or a word that ends in a colon and what follows."""

from __future__ import annotations

import dataclasses
import pathlib
import re

from .. import errors
from . import finding, glance

GLANCE = "glance:"
_KNOWN = (GLANCE,)
_WORD = re.compile(r"[a-z][a-z0-9+.-]+:")


@dataclasses.dataclass(frozen=True)
class Options:
    """What people may say beside the word.

    Attributes:
        series: Series of Ubuntu or Debian, such as ``noble``.
        architecture: As Glance spells it, such as ``x86_64``.
        projects: Further projects whose images in Glance may be used.
    """

    series: str = ""
    architecture: str = ""
    projects: tuple[str, ...] = ()


def parse(source: str, options: Options) -> finding.Source:
    """Return what is meant.

    Args:
        source: A path, ``glance:`` or ``glance:ID``.
        options: What was said beside.

    Raises:
        errors.ConfigError: The word is none of those known.
    """
    if source.startswith(GLANCE):
        return glance.Wanted(
            image_id=source.removeprefix(GLANCE),
            series=options.series,
            architecture=options.architecture,
            projects=options.projects,
        )
    path = pathlib.Path(source)
    word = _WORD.match(source)
    if word is not None and not path.exists():
        raise errors.ConfigError(
            f"unknown word {word[0]!r} in the source {source!r}",
            hint=f"known are {', '.join(_KNOWN)}; a file of that name is ./{source}",
        )
    return path
