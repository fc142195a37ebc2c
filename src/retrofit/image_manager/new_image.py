"""An image that is being made in Glance: marked until it is whole, and removed if it fails."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import uuid
from collections.abc import Iterator

from .. import cloud, errors
from ..cloud import images
from ..provenance import marks
from . import catalog, rotation

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class NewImage:
    """An image that is to be made.

    Attributes:
        connection: Where.
        product: Of which product.
        version: Of which version.
        tag: On all images that are managed.
    """

    connection: cloud.Cloud
    product: catalog.Product
    version: catalog.Version
    tag: str

    @contextlib.contextmanager
    def registered(self) -> Iterator[images.Image]:
        """Give the image without data; after an error it is removed, as far as that may be."""
        image_id = self.version.id or str(uuid.uuid4())
        try:
            yield self._taken_over() or self._create(image_id)
        except BaseException:
            if not self.version.id:
                self._remove(image_id)
            raise

    def finish(self, image_id: str) -> images.Image:
        """Say that an image is whole."""
        change = {"op": "remove", "path": f"/{marks.STATE}"}
        return self.connection.patch(image_id, [change])

    def _create(self, image_id: str) -> images.Image:
        described = rotation.fields(self.product, self.version, 0, self.tag)
        return self.connection.create(
            image_id,
            name=self.product.versioned(self.version.name),
            disk_format=self.product.disk_format,
            properties=((marks.STATE, marks.IMPORTING),),
            further=described,
        )

    def _taken_over(self) -> images.Image | None:
        """Return what an earlier run left of an image whose identifier was asked for."""
        if not self.version.id:
            return None
        try:
            left = self.connection.image(self.version.id)
        except errors.InputMissing:
            return None
        if left.properties.get(marks.STATE) != marks.IMPORTING or self.tag not in left.tags:
            raise errors.ConfigError(
                f"{self.product.place}: the identifier {left.id} of version {self.version.name} "
                f"belongs to {left.name or 'another image'}",
                hint="change the id of the version, or delete that image",
            )
        described = rotation.fields(self.product, self.version, rotation.size(left), self.tag)
        name = self.product.versioned(self.version.name)
        return self.connection.patch(left.id, images.patch(described | {"name": name}))

    def _remove(self, image_id: str) -> None:
        try:
            self.connection.delete(image_id)
        except errors.RetrofitError as error:
            _LOG.warning(
                "image %s could not be removed; the next run removes it: %s", image_id, error
            )
