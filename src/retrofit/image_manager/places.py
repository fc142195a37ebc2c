"""Which images in Glance are which versions of a product: told from the images alone.

They are told apart by the property ``internal_version``, not by their names, which move.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable

from ..cloud import images
from ..provenance import marks
from . import catalog

# Another manager's import, which does not say what it is, is not taken for a leftover before.
_LONGEST_IMPORT = datetime.timedelta(hours=6)
# Properties that name an image's product; the first that it has counts.
_TELLING = ("image_name", "image_description")


@dataclasses.dataclass(frozen=True)
class Place:
    """An image in its product.

    Attributes:
        image: The image.
        version: Its version as far as it is known.
        wanted: The version that files ask for, if they do.
        rank: 1 for the newest, and so on.
        current: Whether it is the one with the plain name, where versions rotate.
    """

    image: images.Image
    version: str
    wanted: catalog.Version | None
    rank: int
    current: bool


def group(image: images.Image) -> tuple[str, str]:
    """Return what tells an image's product: a property and its value; empty for its name."""
    for key in _TELLING:
        if key in image.properties:
            return key, image.properties[key]
    return "", ""


def groups(product: catalog.Product) -> list[tuple[str, str]]:
    """Return the groups (:func:`group`) that a product's images may be in."""
    told = [(key, value) for key in _TELLING for value in (product.name, _said(product, key))]
    return [*((key, value) for key, value in told if value is not None), ("", "")]


def belonging(product: catalog.Product, found: Iterable[images.Image]) -> list[images.Image]:
    """Return the images of a product, also such as an older manager made, who told less."""
    return [image for image in found if _belongs(product, image)]


def version_of(product: catalog.Product, image: images.Image) -> str:
    """Return the version of an image; the day it was registered where nothing tells."""
    said = image.properties.get("internal_version", "")
    if said and said != catalog.LATEST:
        return said
    named = _in_name(product, image)
    return named if named and not said else f"{image.created_at:%Y%m%d}"


def unfinished(image: images.Image) -> bool:
    """Tell whether an image is not whole yet."""
    is_marked = image.properties.get(marks.STATE) == marks.IMPORTING
    return is_marked or image.status not in ("active", "deactivated")


def leftovers(own: Iterable[images.Image], now: datetime.datetime) -> list[images.Image]:
    """Return what runs left that were killed, or another manager's that nothing arrives for.

    Args:
        own: Images of a product.
        now: The time.
    """
    return [
        image
        for image in own
        if unfinished(image)
        and (
            image.properties.get(marks.STATE) == marks.IMPORTING
            or now - image.updated_at > _LONGEST_IMPORT
        )
    ]


def missing(
    product: catalog.Product, own: Iterable[images.Image], *, latest: bool
) -> list[catalog.Version]:
    """Return the versions that are to be imported, oldest first.

    Args:
        product: The product.
        own: Its images.
        latest: Whether only the newest version is.
    """
    whole = [image for image in own if not unfinished(image)]
    wanted = product.versions[-1:] if latest else product.versions
    return [version for version in wanted if not _having(product, version, whole)]


def _belongs(product: catalog.Product, image: images.Image) -> bool:
    told = group(image)
    if told != ("", ""):
        return told in groups(product)
    if product.multi:
        return image.name == product.name or _in_name(product, image) is not None
    return image.name in {product.versioned(version.name) for version in product.versions}


def _in_name(product: catalog.Product, image: images.Image) -> str | None:
    """Return the version that stands in an image's name, if one does."""
    before, _, after = product.versioned("\0").partition("\0")
    inside = image.name.startswith(before) and image.name.endswith(after)
    return image.name[len(before) : len(image.name) - len(after)] if inside else None


def _said(product: catalog.Product, key: str) -> str | None:
    """Return what a product's newest version says of itself."""
    return dict(product.versions[-1].properties).get(key) if product.versions else None


def _having(
    product: catalog.Product, version: catalog.Version, whole: Iterable[images.Image]
) -> list[images.Image]:
    """Return the images that have a version, newest first."""
    sums = dict(version.properties).get(catalog.CHECKSUM)
    return [
        image
        for image in whole
        if (
            image.properties.get(catalog.CHECKSUM) == sums
            if sums
            else version_of(product, image) == version.name
        )
    ]


def places(product: catalog.Product, own: Iterable[images.Image]) -> list[Place]:
    """Return where each whole image stands, newest first."""
    whole = [image for image in own if not unfinished(image)]
    wanted: dict[str, catalog.Version] = {}
    for version in product.versions:
        for image in _having(product, version, whole)[:1]:
            wanted[image.id] = version

    def age(image: images.Image) -> tuple[object, ...]:
        # One that was asked for stands before another one of the same version.
        order = catalog.natural(version_of(product, image))
        return order, image.id in wanted, image.created_at

    whole.sort(key=age, reverse=True)
    newest = product.versions[-1] if product.versions else None
    asked = [image for image in whole if newest and wanted.get(image.id) == newest]
    named = [image for image in whole if image.name == product.name]
    listed = [image for image in whole if image.id in wanted]
    current = next(iter((*asked, *listed, *named, *whole)), None) if product.multi else None
    # Where versions do not rotate, all that are asked for are first.
    first = [current] if current else listed
    others = [image for image in whole if image not in first]
    # The newest of those that are to go is still the first of them.
    begin = 1 if product.retired and not first else 2
    ranks = [1] * len(first) + [begin + number for number in range(len(others))]
    return [
        Place(
            image=image,
            version=version_of(product, image),
            wanted=wanted.get(image.id),
            rank=rank,
            current=image is current,
        )
        for rank, image in zip(ranks, (*first, *others), strict=True)
    ]
