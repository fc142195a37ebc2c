"""Versions that are to be fetched, and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from . import catalog

Locate = Callable[[catalog.Product, catalog.Version], tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A version that is to be fetched.

    Attributes:
        product: Of which product.
        version: The version.
        places: URLs that have it, the first one that is tried first.
    """

    product: catalog.Product
    version: catalog.Version
    places: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of its image."""
        return self.product.versioned(self.version.name)


def locations(_: catalog.Product, version: catalog.Version) -> tuple[str, ...]:
    """Return where a version may be fetched: where its file says, its mirror first."""
    return tuple(each for each in (version.mirror_url, version.url) if each)


def of(product: catalog.Product, version: catalog.Version, locate: Locate = locations) -> Wanted:
    """Return a version with the URLs where it would be fetched.

    Args:
        product: The product.
        version: Its version.
        locate: Returns these URLs, the first that is tried first.
    """
    return Wanted(product, version, locate(product, version))
