"""Whether the archives of a build answer: what ``retrofit doctor`` asks of mirrors."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from ... import errors, model
from ...host import urls, web
from ...model import diagnosis
from . import pockets, texts

TIMEOUT_S = 10.0


def checks(
    archives: model.Archives, release: model.Release, access: web.Access
) -> Iterator[diagnosis.Check]:
    """Yield a check for each suite of the archives that a build is told of.

    Args:
        archives: The archives.
        release: The system that uses them.
        access: How to reach them.
    """
    for url in dict.fromkeys(_indexes(_sources(archives, release))):
        yield diagnosis.Check(urls.shown(url), functools.partial(_answers, url, access))


def _answers(url: str, access: web.Access) -> str:
    try:
        web.probe(url, access, timeout_s=TIMEOUT_S)
    except errors.InputMissing as error:
        raise errors.InputMissing(
            error.message, hint="check the mirror's URL, and whether it has this suite"
        ) from error
    return "the mirror has it"


def _sources(archives: model.Archives, release: model.Release) -> Iterator[str]:
    """Yield apt's lines for the archives; what the base image has of its own is not known."""
    mirror = archives.mirror.strip()
    if re.match(r"https?://", mirror):
        made = texts.Mirror(release, mirror.rstrip("/"))
        for suite in (release.series, f"{release.series}-updates", f"{release.series}-security"):
            yield f"deb {made.url_of(suite)} {suite} main"
    else:
        yield from mirror.splitlines()
    yield from pockets.source(archives, release).splitlines()


def _indexes(sources: Iterable[str]) -> Iterator[str]:
    """Yield the URLs of the signed indexes of apt's lines."""
    for source in sources:
        match = texts.ONE_LINE.fullmatch(source)
        if match is None or not match["uri"].startswith(("http://", "https://")):
            continue
        suite = match["suite"]
        place = suite if suite.endswith("/") else f"dists/{suite}/"
        yield f"{match['uri'].rstrip('/')}/{place}InRelease"
