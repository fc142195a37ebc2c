"""Finds the base image that is wanted, wherever that is; nothing of its content is fetched."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

from .. import cloud, errors, model
from ..host import web
from . import bootstrap, download, glance, origins, simplestreams

Source = pathlib.Path | glance.Wanted | simplestreams.Wanted | download.Wanted | bootstrap.Wanted


def find(
    source: Source,
    connect: Callable[[], cloud.Cloud],
    access: web.Access,
) -> origins.Origin:
    """Find a base image.

    Args:
        source: What is wanted.
        connect: Connects to the cloud if that is needed.
        access: How web servers are reached.

    Raises:
        errors.InputMissing: There is none.
        errors.Denied: It is not from somebody who is trusted.
        errors.ConfigError: What is wanted makes no sense.
        errors.Unavailable: A server does not answer as it should.
    """
    if isinstance(source, pathlib.Path):
        return origins.File(source)
    if isinstance(source, glance.Wanted):
        connection = connect()
        found = glance.find(connection, source)
        return origins.Glance(connection, found.base, found.untrusted)
    if isinstance(source, simplestreams.Wanted):
        there = simplestreams.find(source, access)
        return origins.Download(there.url, there.base, access)
    if isinstance(source, bootstrap.Wanted):
        recipe = bootstrap.recipe(source)
        return origins.Bootstrap(recipe, bootstrap.find(recipe, access), access)
    return origins.Download(source.url, download.find(source, access), access)


def find_again(
    source: Source,
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
        errors.RetrofitError: As :func:`find` does.
    """
    try:
        origin = find(_pinned(source, planned), connect, access)
    except errors.InputMissing as missing:
        raise origins.expired(planned.name, missing.message) from missing
    if origin.content_hash() != planned.content_hash:
        raise origins.expired(planned.name, "something else has taken its place")
    return origin


def _pinned(source: Source, planned: model.BaseImage) -> Source:
    """Return what is wanted narrowed down to one image."""
    if isinstance(source, glance.Wanted):
        return dataclasses.replace(source, image_id=planned.id)
    if isinstance(source, simplestreams.Wanted):
        return dataclasses.replace(source, version=planned.version_name)
    return source
