"""What people write for a base image: a path, a URL, or a word that ends in a colon."""

from __future__ import annotations

import dataclasses
import pathlib
import re

from .. import errors
from ..host import urls
from . import bootstrap, download, files, glance, origins, simplestreams
from .scratch import contents

GLANCE = "glance:"
_SIMPLESTREAMS = "simplestreams:"
_BOOTSTRAP = "bootstrap:"
_WEB = ("http://", "https://")
_KNOWN = (GLANCE, _SIMPLESTREAMS, _BOOTSTRAP, *_WEB)
_WORD = re.compile(r"[a-z][a-z0-9+.-]+:")


@dataclasses.dataclass(frozen=True)
class Options:
    """What people may say beside the word; what is empty was not said.

    Attributes:
        series: Series of Ubuntu or Debian, such as ``noble``.
        architecture: As Glance spells it, such as ``x86_64``.
        projects: Further projects whose images in Glance may be used.
        checksum: Of an image at a URL, or URL of a file of checksums.
        keyring: Public keys of those who may sign a simplestreams index.
        stream: Stream of simplestreams, ``daily`` or ``released``.
        version: Version of simplestreams, such as ``20260801``.
        mirror: Archive of the distribution.
        source_date: Seconds since 1970 that nothing in an image that is made is younger than.
    """

    series: str = ""
    architecture: str = ""
    projects: tuple[str, ...] = ()
    checksum: str = ""
    keyring: pathlib.Path | None = None
    stream: str = ""
    version: str = ""
    mirror: str = ""
    source_date: int | None = None


def parse(source: str, options: Options) -> origins.Source:
    """Return what is meant.

    Args:
        source: A path, ``glance:``, ``glance:ID``, ``simplestreams:``, ``simplestreams:URL``,
            ``bootstrap:`` or the URL of an image.
        options: What was said beside.

    Raises:
        errors.ConfigError: The word is none of those known, or an option has nothing to say of it.
    """
    _check_options(source, options)
    shown = urls.without_user(source)
    if source.startswith(GLANCE):
        return glance.Wanted(
            image_id=source.removeprefix(GLANCE),
            series=options.series,
            architecture=options.architecture,
            projects=options.projects,
        )
    if source.startswith(_SIMPLESTREAMS):
        url = source.removeprefix(_SIMPLESTREAMS)
        if url and not url.startswith(_WEB):
            raise errors.ConfigError(
                f"{shown.removeprefix(_SIMPLESTREAMS)!r} in the source {shown!r} is not a URL",
                hint="write simplestreams: for Ubuntu's streams, or add the base URL of a mirror",
            )
        return simplestreams.Wanted(
            url=url,
            keyring=options.keyring or simplestreams.KEYRING,
            series=options.series,
            architecture=options.architecture,
            stream=options.stream,
            version=options.version,
        )
    if source.startswith(_WEB):
        return download.Wanted(source, options.checksum)
    if source.startswith(_BOOTSTRAP):
        return _fresh(source, options)
    path = pathlib.Path(source)
    word = _WORD.match(source)
    if word is not None and not path.exists():
        raise errors.ConfigError(
            f"unknown word {word[0]!r} in the source {shown!r}",
            hint=f"known words: {', '.join(_KNOWN)}; for a file with this name, write ./{shown}",
        )
    return files.Wanted(path)


def names_one(source: str) -> bool:
    """Tell whether a source is one certain image, whatever release or architecture is wanted."""
    return source != GLANCE and not source.startswith((_SIMPLESTREAMS, _BOOTSTRAP))


def below(directory: pathlib.Path, source: str) -> str:
    """Return a source, its path taken as one from a directory if it is a path."""
    return source if source.startswith(_KNOWN) else str(directory / source)


def _fresh(source: str, options: Options) -> bootstrap.Wanted:
    """Return what is meant by a base image that is made."""
    if source != _BOOTSTRAP:
        raise errors.ConfigError(
            f"the source {source!r} has text after bootstrap:",
            hint="set the series and the mirror with their options",
        )
    if options.mirror and not options.mirror.startswith(_WEB):
        raise errors.ConfigError(
            "with the source bootstrap: the mirror must be a base URL, not source lines",
            hint="give the URL of the distribution's archive",
        )
    return bootstrap.Wanted(
        series=options.series,
        architecture=options.architecture,
        mirror=options.mirror,
        holds=contents.Contents(source_date=options.source_date),
    )


def _check_options(source: str, options: Options) -> None:
    """Refuse what would be taken for a check or a choice, and is none."""
    for key, value, words in (
        ("checksum", options.checksum, _WEB),
        ("stream", options.stream, (_SIMPLESTREAMS,)),
        ("source-version", options.version, (_SIMPLESTREAMS,)),
    ):
        if value and not source.startswith(words):
            raise errors.ConfigError(
                f"{key} has no effect for the source {urls.without_user(source)!r}",
                hint=f"it applies only to {' and '.join(words)}; remove it",
            )
