"""Gathers what a plan rests on, from the cloud and the archives, and plans."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

from . import (
    cloud,
    errors,
    findings,
    fingerprint,
    images,
    model,
    naming,
    plan,
    promotion,
    provenance,
    recipes,
)
from .archives import candidates
from .elements import collect
from .sources import origins

_LOG = logging.getLogger(__name__)


def wanted(
    origin: origins.Origin,
    request: model.BuildRequest,
    *,
    tag: str,
    depth: findings.Depth,
    rebuild_on: frozenset[plan.Kind],
    force: bool,
) -> plan.Wanted:
    """Return the image that there should be.

    Args:
        origin: Its base image.
        request: How it is made.
        tag: By which Octavia finds it; empty for none.
        depth: How far it has to be proved.
        rebuild_on: The reasons to build it anew that count.
        force: Whether it is to be made in any case.

    Raises:
        errors.RetrofitError: Elements are missing, or do not go together.
    """
    recipe = recipes.get(request.recipe)
    known = origin.base or model.BaseImage(name=origin.name)
    base = dataclasses.replace(known, content_hash=origin.content_hash())
    inputs = fingerprint.inputs(
        base=base.content_hash,
        elements=collect.digests(recipe, request),
        releases=collect.releases(recipe),
        request=request,
    )
    return plan.Wanted(base, inputs, tag, depth, rebuild_on, force)


def plan_image(
    connection: cloud.Cloud,
    image: plan.Wanted,
    request: model.BuildRequest,
    *,
    cache: pathlib.Path | None,
) -> plan.Plan:
    """Plan one image; changes nothing.

    Args:
        connection: The cloud it is to be published in.
        image: The image that there should be.
        request: How it is made: names the archives, and the ways to them.
        cache: Directory for what is fetched from archives; ``None`` for the default.

    Raises:
        errors.ConfigError: The tag is not one that Glance takes; an archive lacks something.
        errors.Unavailable: Glance or an archive does not answer.
    """
    naming.tags(image.tag)
    own = promotion.own(connection, image.own_tag)
    planned = plan.decide(image, own, _akin(connection, image))
    asked = image.rebuild_on & {plan.Kind.SECURITY, plan.Kind.PACKAGES}
    if planned.action is not plan.Action.NONE or planned.image is None or not asked:
        return planned
    return _with_packages(planned, planned.image, request, cache)


def _akin(connection: cloud.Cloud, image: plan.Wanted) -> Sequence[images.Image]:
    """Return all images of this project that were made of the same, newest first."""
    query = [("owner", connection.project_id), (naming.FINGERPRINT, image.fingerprint)]
    return list(connection.images(query))


def _with_packages(
    planned: plan.Plan,
    image: images.Image,
    request: model.BuildRequest,
    cache: pathlib.Path | None,
) -> plan.Plan:
    """Add what the archives have that is newer than what is in the image."""
    try:
        found = candidates.find(provenance.read(image), request, cache)
    except errors.ImageError as error:
        # It was too long for a property, or somebody changed it: not known is not outdated.
        _LOG.warning("whether there are newer packages is not known: %s", error)
        return planned
    changes = {
        security: [
            plan.Change(package.name, package.installed, package.candidate)
            for package in found
            if package.security is security
        ]
        for security in (True, False)
    }
    return plan.with_packages(planned, updates=changes[False], security=changes[True])
