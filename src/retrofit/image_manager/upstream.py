"""What the makers of images say of them: the newest version, and checksums."""

from __future__ import annotations

import dataclasses
import datetime
import re
import urllib.parse
from collections.abc import Sequence

from .. import errors, model
from ..base_images import download
from ..cloud import images
from ..host import urls, web
from . import age, catalog, places, schema

_LIMIT = 4 * model.MIB


def checksum(version: catalog.Version, access: web.Access) -> str:
    """Return the checksum of what is fetched of a version; empty if there is none.

    Args:
        version: The version.
        access: How to reach the server that has it.

    Raises:
        errors.InputMissing: The file of checksums does not exist, or does not have it.
        errors.RetrofitError: Its server does not answer as it should.
    """
    if version.checksum:
        return version.checksum
    if version.checksums_url:
        text = document(version.checksums_url, access)
        return listed(text, version.url, version.checksums_url)
    if version.checksum_url:
        return _single(document(version.checksum_url, access), version.checksum_url)
    return ""


def verified(version: catalog.Version, found: str) -> catalog.Version:
    """Return a version whose image says which checksum it was compared with, if there is one."""
    digest = found.partition(":")[2]
    said = {catalog.CHECKSUM: digest} if digest else {}
    properties = tuple(sorted({**dict(version.properties), **said}.items()))
    return dataclasses.replace(version, properties=properties)


def listed(text: str, url: str, where: str) -> str:
    """Return the checksum that a list of them has of the file at a URL."""
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])
    return download.listed(text, name, urls.shown(where), schema.DIGITS)


def document(url: str, access: web.Access) -> str:
    """Return a small document, such as a file of checksums.

    Raises:
        errors.RetrofitError: As :func:`retrofit.host.web.read`.
    """
    return web.read(url, access, limit=_LIMIT).decode(errors="replace")


def resolved(
    product: catalog.Product, own: Sequence[images.Image], access: web.Access
) -> catalog.Product:
    """Return a product with the present version in the place of ``latest``.

    Args:
        product: The product.
        own: Its images: a version that is there already keeps its name.
        access: How to reach who knows.

    Raises:
        errors.RetrofitError: As :func:`checksum`.
    """
    versions = [
        _resolved(product, version, own, access) if version.name == catalog.LATEST else version
        for version in product.versions
    ]
    versions.sort(key=lambda version: catalog.natural(version.name))
    return dataclasses.replace(product, versions=tuple(versions))


def _resolved(
    product: catalog.Product,
    version: catalog.Version,
    own: Sequence[images.Image],
    access: web.Access,
) -> catalog.Version:
    found = checksum(version, access)
    digest = found.partition(":")[2]
    for image in own:
        if image.properties.get(catalog.CHECKSUM) == digest:
            built = age.built(image)
            if built is None and version.build_date is None:
                built = _changed(version.url, access).date()
            return _named(product, version, places.version_of(product, image), found, built)
    changed = _changed(version.url, access)
    name = f"{changed:%Y%m%d}"
    if name in {places.version_of(product, image) for image in own}:
        # Two builds of one day.
        name = f"{changed:%Y%m%d%H%M%S}"
    return _named(product, version, name, found, changed.date())


def _changed(url: str, access: web.Access) -> datetime.datetime:
    """Return when a file was changed last; now, if its server does not say."""
    return web.modified(url, access) or datetime.datetime.now(datetime.timezone.utc)


def _named(
    product: catalog.Product,
    version: catalog.Version,
    name: str,
    found: str,
    built: datetime.date | None,
) -> catalog.Version:
    """Return the version that ``latest`` stands for at present."""
    properties = dict(version.properties)
    properties |= {"internal_version": name, catalog.CHECKSUM: found.partition(":")[2]}
    build_date = version.build_date or built
    if build_date is not None:
        properties.setdefault("image_build_date", build_date.isoformat())
    if not product.multi:
        properties["os_version"] = name
    return dataclasses.replace(
        version,
        name=name,
        checksum=found,
        build_date=build_date,
        properties=tuple(sorted(properties.items())),
    )


def _single(text: str, where: str) -> str:
    """Return the checksum that a file holds and nothing else."""
    digest = text.strip().lower()
    for algorithm, digits in schema.DIGITS.items():
        if re.fullmatch(f"[0-9a-f]{{{digits}}}", digest):
            return f"{algorithm}:{digest}"
    raise errors.InputMissing(
        f"{urls.shown(where)} is not a checksum",
        hint="give a list of checksums as checksums_url",
    )
