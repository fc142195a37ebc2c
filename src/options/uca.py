"""What the option uca-mirror names: a mirror, a whole source, a PPA or a pocket of the archive."""

from __future__ import annotations

import dataclasses
import re

MEANING = "a URL, a line that begins with deb, ppa:OWNER/NAME or cloud:SERIES-RELEASE[/pocket]"
_PPA = re.compile(r"ppa:[^\s/:]+/[^\s/:]+")
_CLOUD = re.compile(
    r"cloud:(?P<series>[a-z]+)-(?:(?P<kind>updates|proposed)/)?(?P<release>[a-z]+)"
    r"(?:/(?P<pocket>updates|proposed))?"
)


@dataclasses.dataclass(frozen=True)
class Source:
    """Where packages of OpenStack come from; what is empty is as usual.

    Attributes:
        mirror: Base URL of the Ubuntu Cloud Archive, or a whole source.
        ppa: Personal package archive.
        series: Series for which the pocket is.
        pocket: Pocket of the archive, as the engine writes it.
    """

    mirror: str = ""
    ppa: str = ""
    series: str = ""
    pocket: str = ""


def parse(text: str) -> Source:
    """Return what an option's value names.

    Text after a ``|`` is ignored: the existing charm has the key of the archive there.

    Raises:
        ValueError: It is none of these.
    """
    source = text.split("|")[0].strip()
    if not source or source.startswith(("deb ", "http://", "https://")):
        return Source(mirror=source)
    if _PPA.fullmatch(source):
        return Source(ppa=source)
    found = _CLOUD.fullmatch(source)
    if found is None:
        raise ValueError(MEANING)
    kind = found["pocket"] or found["kind"] or "updates"
    return Source(series=found["series"], pocket=f"{found['series']}-{kind}/{found['release']}")
