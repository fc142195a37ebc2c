"""Finds the base image again that was planned."""

from __future__ import annotations

from collections.abc import Callable

from .. import cloud, errors, model
from ..host import web
from . import origins


def find_again(
    source: origins.Source,
    planned: model.BaseImage,
    connect: Callable[[], cloud.Cloud],
    access: web.Access,
) -> origins.Origin:
    """Find just the base image that was found before, though there may be a newer one.

    Args:
        source: What was wanted.
        planned: What was found; its ``content_hash`` is what the origin's was.
        connect: Connects to the cloud if that is needed.
        access: How web servers are reached.

    Raises:
        errors.InputMissing: It has expired.
        errors.RetrofitError: As :meth:`origins.Source.find` does.
    """
    try:
        origin = source.pinned(planned).find(connect, access)
    except errors.InputMissing as missing:
        raise origins.expired(planned.name, missing.message) from missing
    if origin.content_hash() != planned.content_hash:
        raise origins.expired(planned.name, "another image replaced it")
    return origin
