"""How much older images are than the newest build that files know of."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable

from ..cloud import images
from . import catalog, places


@dataclasses.dataclass(frozen=True)
class Age:
    """An image that is too old.

    Attributes:
        image: The image.
        days: Days that it is older than the newest build.
    """

    image: images.Image
    days: int


def outdated(product: catalog.Product, own: Iterable[images.Image], max_days: int) -> list[Age]:
    """Return the images of a product that are older than files say by more than some days."""
    ages = []
    for image in own:
        newest = _newest(product, places.version_of(product, image))
        made = built(image)
        if newest is not None and made is not None and (newest - made).days > max_days:
            ages.append(Age(image, (newest - made).days))
    return ages


def _newest(product: catalog.Product, version: str) -> datetime.date | None:
    """Return when the newest build that can take the place of a version was made."""
    dates = [
        each.build_date
        for each in product.versions
        if each.build_date is not None and (product.multi or each.name == version)
    ]
    return max(dates, default=None)


def built(image: images.Image) -> datetime.date | None:
    """Return when an image was made, ``None`` if it does not say."""
    try:
        return datetime.date.fromisoformat(image.properties.get("image_build_date", ""))
    except ValueError:
        return None
