"""What people should know of images beside what becomes of them: warnings, and named errors."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable

from .. import cloud, errors
from ..cloud import images
from ..host import urls
from . import catalog, places

_LOG = logging.getLogger(__name__)


def named(
    error: errors.RetrofitError, product: catalog.Product, name: str
) -> errors.RetrofitError:
    """Return an error with the image, the file and the line that it is about.

    Args:
        error: The error.
        product: The product.
        name: Name of the image.
    """
    what = error.message.removeprefix(f"{product.place}: ")
    # One error may be about several images.
    own = copy.copy(error)
    own.message = f"{product.place}: {name}: {what}"
    return own


def expired(product: catalog.Product) -> None:
    """Warn that nobody cares for a product any more."""
    _LOG.warning(
        "%s: %s is not provided any more since %s; --retire-expired retires its images",
        product.place,
        product.name,
        product.provided_until,
    )


def twins(
    connection: cloud.Cloud, product: catalog.Product, version: catalog.Version, tag: str
) -> None:
    """Warn of images of this project that are not managed, and will have a twin of their name."""
    name = product.name if product.multi else product.versioned(version.name)
    mine = [("owner", connection.project_id), ("name", name), ("visibility", "all")]
    for image in connection.images(mine):
        if tag not in image.tags:
            _LOG.warning(
                "%s: the image %s also has the name %s, but not the tag %s, so it stays as it "
                "is; give it the tag, or another name",
                product.place,
                image.id,
                name,
                tag,
            )


def respins(product: catalog.Product, own: Iterable[images.Image]) -> None:
    """Warn of versions that files changed after they were imported."""
    for place in places.places(product, own):
        changed = None if place.wanted is None else _respun(place.image, place.wanted)
        if changed is not None:
            _LOG.warning(
                "%s: version %s of %s has another %s now; its image stays as it was imported: "
                "a new image needs a new version",
                product.place,
                place.version,
                product.name,
                changed,
            )


def _respun(image: images.Image, version: catalog.Version) -> str | None:
    """Return what of a version changed since it was imported."""
    imported = image.properties.get(catalog.CHECKSUM, "")
    digest = version.checksum.partition(":")[2]
    if imported and len(imported) == len(digest):
        return None if imported == digest else "checksum"
    source = image.properties.get("image_source", "")
    is_url = "://" in source and not version.own_source
    said = dict(version.properties).get("image_source", "")
    if is_url and urls.without_user(source) != urls.without_user(said):
        return "URL"
    return None
