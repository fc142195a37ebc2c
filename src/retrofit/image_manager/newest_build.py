"""Finds the newest build of a product, at a URL where it stays when a newer one is there."""

from __future__ import annotations

import dataclasses
import datetime
import re
import urllib.parse
from collections.abc import Iterator

from .. import errors
from ..base_images import download
from ..host import urls, web
from . import catalog, upstream

# Names of builds and of their directories: 20260801, 20260801-2421, release-20260801.
_DAY = re.compile(r"(?<![0-9])20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9])")
_LINK = re.compile(r"""href\s*=\s*["']?([^"'?#>\s]+)""", re.IGNORECASE)
# Of the builds that a maker keeps, how many are asked for at most.
_TRIES = 6


@dataclasses.dataclass(frozen=True)
class _Found:
    """A build at its maker's.

    Attributes:
        url: Where it is.
        checksum: Algorithm and digest.
        text: The file of checksums that says so.
    """

    url: str
    checksum: str
    text: str

    @property
    def digest(self) -> str:
        return self.checksum.partition(":")[2]


def find(product: catalog.Product, access: web.Access) -> catalog.Version | None:
    """Return the newest build of a product, ``None`` if its newest version is that.

    Args:
        product: A product with versions, whose maker says where the newest is (``latest_url``).
        access: How to reach the maker's server.

    Raises:
        errors.ConfigError: What the file says of the newest version is not enough for the next.
        errors.RetrofitError: The server does not answer as it should, or does not say what it has.
    """
    previous = product.versions[-1]
    text = upstream.document(product.latest_checksum_url, access)
    url = _matching(product.latest_url, text)
    found = _Found(url, upstream.listed(text, url, product.latest_checksum_url), text)
    if found.checksum == previous.checksum:
        return None
    lasting = _lasting(product, found, access) if url == product.latest_url else url
    if not lasting and not previous.mirror_url:
        raise errors.Unavailable(
            f"{product.place}: {urls.shown(url)} has another build soon, and no URL of this one "
            "was found that stays",
            hint="add a mirror_url to the version and fill the mirror (retrofit mirror), or write "
            "version, url, checksum and build_date yourself",
        )
    url = lasting or url
    changed = web.modified(url, access)
    name = _day(lasting) or (f"{changed:%Y%m%d}" if changed else "")
    if name == previous.name and changed:
        name = f"{changed:%Y%m%d%H%M%S}"
    if not name or name == previous.name:
        raise errors.Unavailable(
            f"{product.place}: {urls.shown(url)} has no date of its last change, which is "
            "needed for the version",
            hint="write version, url, checksum and build_date yourself",
        )
    return dataclasses.replace(
        previous,
        name=name,
        url=url,
        mirror_url=_mirrored(product, previous, name),
        checksum=found.checksum,
        build_date=datetime.datetime.strptime(f"{name[:8]}+0000", "%Y%m%d%z").date(),
    )


def _mirrored(product: catalog.Product, previous: catalog.Version, name: str) -> str:
    """Return where the mirror has the next version."""
    if previous.mirror_url and previous.name not in previous.mirror_url:
        raise errors.ConfigError(
            f"{product.place}: mirror_url does not contain the version {previous.name}: the "
            "mirror_url of the next version is not known",
            hint="write the next version yourself",
        )
    return previous.mirror_url.replace(previous.name, name)


def _matching(url: str, text: str) -> str:
    """Return the URL of the newest file whose name fits.

    ``HEREBE`` and ``DRAGONS`` in a name enclose a regular expression.
    """
    place, _, name = url.rpartition("/")
    before, is_pattern, rest = name.partition("HEREBE")
    if not is_pattern:
        return url
    inside, _, after = rest.partition("DRAGONS")
    try:
        pattern = re.compile(re.escape(before) + inside + re.escape(after))
    except re.error as error:
        raise errors.ConfigError(f"{name} has no regular expression: {error}") from error
    names = [shown for shown, _ in download.entries(text) if pattern.fullmatch(shown)]
    if not names:
        raise errors.InputMissing(f"no file fits {name}", hint="check latest_url")
    return f"{place}/{max(names, key=catalog.natural)}"


def _lasting(product: catalog.Product, found: _Found, access: web.Access) -> str:
    """Return another URL of a build, one with its day; empty if there is none.

    A build is told by its digest: of two at one time, as while a maker publishes one, the right
    one is found or none.
    """
    place, _, name = found.url.rpartition("/")
    twin = _twin(found.text, found.digest)
    if twin:
        return f"{place}/{twin}"
    _, same_place, suffix = product.latest_checksum_url.rpartition(name)
    if same_place:
        # A file of checksums for each image: those of the same directory, by their names.
        candidates = ((f"{place}/{one}", f"{place}/{one}{suffix}") for one in _like(found, access))
        return _first(candidates, found, access)
    if product.latest_checksum_url.rpartition("/")[0] != place:
        return ""
    parent, sums = place.rpartition("/")[0], product.latest_checksum_url.rpartition("/")[2]
    if not urllib.parse.urlsplit(parent).netloc:
        return ""
    for directory in _newest(_listing(f"{parent}/", access)):
        text = _document(f"{parent}/{directory}/{sums}", access)
        for shown in (name, _twin(text, found.digest)):
            if shown and (shown, found.digest) in set(download.entries(text)):
                return f"{parent}/{directory}/{shown}"
    return ""


def _first(candidates: Iterator[tuple[str, str]], found: _Found, access: web.Access) -> str:
    """Return the first URL whose own file of checksums has a digest."""
    for url, sums in candidates:
        if any(digest == found.digest for _, digest in download.entries(_document(sums, access))):
            return url
    return ""


def _twin(text: str, digest: str) -> str:
    """Return a name with a day that a file of checksums has for a digest; empty for none."""
    return next((name for name, own in download.entries(text) if own == digest and _day(name)), "")


def _like(found: _Found, access: web.Access) -> list[str]:
    """Return names of builds beside one, the newest first: of the same kind, with their days."""
    place, _, name = found.url.rpartition("/")
    before, _, after = name.rpartition("latest")
    beginning, end = before.rstrip("-_."), after.lstrip("-_.")
    fitting = [
        one
        for one in _listing(f"{place}/", access)
        if beginning and one.startswith(beginning) and one.endswith(end)
    ]
    return _newest(fitting)


def _newest(names: list[str]) -> list[str]:
    """Return those of some names that have a day, the newest first, and not too many."""
    dated = {name for name in names if _day(name)}
    return sorted(dated, key=lambda name: (_day(name), catalog.natural(name)), reverse=True)[
        :_TRIES
    ]


def _day(name: str) -> str:
    """Return the last day in a name or URL, as YYYYMMDD; empty for none."""
    days = _DAY.findall(name)
    return days[-1] if days else ""


def _listing(url: str, access: web.Access) -> list[str]:
    """Return the names that a web server's page of a directory links to; none if it has none."""
    links = (urllib.parse.unquote(link) for link in _LINK.findall(_document(url, access)))
    names = (link.removeprefix(url).removeprefix("./").rstrip("/") for link in links)
    return [name for name in names if name and "/" not in name]


def _document(url: str, access: web.Access) -> str:
    """Return a document that need not be there."""
    try:
        return upstream.document(url, access)
    except (errors.InputMissing, errors.Denied):
        return ""
