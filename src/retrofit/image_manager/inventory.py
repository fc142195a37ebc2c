"""The project's managed images: listed once a run, and kept as this run changes them."""

from __future__ import annotations

import collections
from collections.abc import Iterable

from .. import cloud
from ..cloud import images
from . import catalog, places


class Inventory:
    """All images of this project that are managed, hidden ones, too.

    Args:
        found: The images, newest first.
    """

    def __init__(self, found: Iterable[images.Image]) -> None:
        self._images: dict[str, images.Image] = {}
        # By what an image says of its product, so that a product need not look at all of them.
        self._groups: dict[tuple[str, str], dict[str, None]] = collections.defaultdict(dict)
        for image in found:
            self.put(image)

    def of(self, product: catalog.Product) -> list[images.Image]:
        """Return the images of a product."""
        ids = {
            each: None for group in places.groups(product) for each in self._groups.get(group, ())
        }
        return places.belonging(product, (self._images[each] for each in ids))

    def put(self, image: images.Image) -> None:
        """Add an image, or replace it as it was before."""
        self.drop(image.id)
        self._images[image.id] = image
        self._groups[places.group(image)][image.id] = None

    def drop(self, image_id: str) -> None:
        """Forget an image, which may be unknown."""
        image = self._images.pop(image_id, None)
        if image is not None:
            del self._groups[places.group(image)][image_id]


def listed(connection: cloud.Cloud, tag: str) -> Inventory:
    """Ask Glance for all images of the project that have a tag."""
    mine = [("owner", connection.project_id), ("tag", tag), ("visibility", "all")]
    hidden = connection.images([*mine, ("os_hidden", "true")])
    return Inventory([*connection.images(mine), *hidden])
