"""Asks whether images are where files say, without fetching them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from .. import errors
from ..host import web, web_presence
from . import fetching
from .wanted import Wanted

_LOG = logging.getLogger(__name__)
_TIMEOUT_S = 20.0


def missing(
    wanted: Sequence[Wanted], access: web.Access
) -> list[tuple[Wanted, errors.RetrofitError]]:
    """Return what is wrong with versions that are nowhere; warn of places that do not have one.

    Args:
        wanted: The versions.
        access: How web servers are reached.

    Returns:
        Each of them, with what is wrong with the last place.
    """
    places = {place for each in wanted for place in each.places}
    remote = sorted(place for place in places if place.startswith(("http://", "https://")))
    faults = web_presence.absent(remote, access, timeout_s=_TIMEOUT_S)
    for place in sorted(places - {*remote}):
        fault = fetching.unusable(place)
        if fault is not None:
            faults[place] = fault
    failures: list[tuple[Wanted, errors.RetrofitError]] = []
    for each in wanted:
        absent = [faults[place] for place in each.places if place in faults]
        for fault in absent[: len(each.places) - 1]:
            _LOG.warning("%s: %s: %s", each.product.place, each.name, fault.message)
        if len(absent) == len(each.places):
            failures.append((each, absent[-1]))
    return failures
