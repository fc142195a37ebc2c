"""Asks whether images are where files say, without fetching them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from .. import errors
from ..host import web
from . import catalog, fetching, importing

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 20.0


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A version that would be fetched.

    Attributes:
        product: Of which product.
        version: The version.
        places: URLs that have it, the first one that is tried first.
    """

    product: catalog.Product
    version: catalog.Version
    places: tuple[str, ...]


def of(
    product: catalog.Product,
    version: catalog.Version,
    locate: Callable[[catalog.Product, catalog.Version], tuple[str, ...]] = importing.locations,
) -> Wanted:
    """Return a version with the URLs where it would be fetched.

    Args:
        product: The product.
        version: Its version.
        locate: Returns these URLs, the first that is tried first.
    """
    return Wanted(product, version, locate(product, version))


def missing(
    wanted: Sequence[Wanted], access: web.Access
) -> list[tuple[Wanted, errors.RetrofitError]]:
    """Return what is wrong with versions that are nowhere; warn of places that do not have one.

    Args:
        wanted: The versions.
        access: How web servers are reached.

    Returns:
        Each of them, with an error of its own.
    """
    places = {place for each in wanted for place in each.places}
    remote = sorted(place for place in places if place.startswith(("http://", "https://")))
    faults = web.absent(remote, access, timeout_s=_TIMEOUT_S)
    for place in sorted(places - {*remote}):
        fault = fetching.unusable(place)
        if fault is not None:
            faults[place] = fault
    failures: list[tuple[Wanted, errors.RetrofitError]] = []
    for each in wanted:
        absent = [faults[place] for place in each.places if place in faults]
        for fault in absent[: len(each.places) - 1]:
            name = each.product.versioned(each.version.name)
            _LOG.warning("%s: %s: %s", each.product.place, name, fault.message)
        if len(absent) == len(each.places):
            last = absent[-1]
            failures.append((each, type(last)(last.message, hint=last.hint)))
    return failures
