"""Gathers what a plan rests on, from the cloud and the archives, and plans."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import cloud, errors, model, recipes
from ..base_images import finding, origins, selection
from ..building.elements import collect
from ..cloud import images
from ..host import web
from ..model import reasons
from ..model.documents import plan_document
from ..provenance import description, marks
from ..publishing import glance_target, naming, own_images, promotion
from . import fingerprint, plan, run_request, upgrades

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Planned:
    """What a run is to do.

    Attributes:
        plan: What, and why.
        untrusted: Images of untrusted projects that would be the base image otherwise.
    """

    plan: plan.Plan
    untrusted: tuple[selection.UntrustedImage, ...]


class Session:
    """Plans images for one command, which asks nobody twice for the same.

    Args:
        held: Holds connections until the command ends.
    """

    def __init__(self, held: contextlib.ExitStack) -> None:
        self._held = held
        self._inquiry = upgrades.Inquiry()
        self._answers: dict[object, Any] = {}

    def connect(self, options: cloud.Options) -> cloud.Cloud:
        """Return the connection to a cloud.

        Raises:
            errors.RetrofitError: No plan is available, or none was before.
        """
        connection: cloud.Cloud = self._once(options, cloud.connector(options, self._held))
        return connection

    def own(self, request: run_request.RunRequest) -> own_images.OwnImages:
        """Return our images of the tag by which Octavia is to find the image that is wanted.

        Raises:
            errors.ConfigError: The request writes a file: there is nothing to plan.
            errors.RetrofitError: Glance does not answer.
        """
        target = request.target.in_glance()
        return promotion.own(self.connect(request.cloud), target.amp_image_tag)

    def plan(
        self,
        request: run_request.RunRequest,
        own: own_images.OwnImages,
        pin: plan_document.Image | None = None,
    ) -> Planned:
        """Plan a run that publishes in Glance; changes nothing.

        Args:
            request: What is wanted.
            own: Our images, as :meth:`own` returns them.
            pin: What was planned before: its base image is taken.

        Raises:
            errors.ConfigError: The request writes a file: there is nothing to plan.
            errors.RetrofitError: Something stood in the way of knowing.
        """
        target = request.target.in_glance()
        connect = functools.partial(self.connect, request.cloud)
        wanted = (request.source, request.cloud, _access(request), pin and pin.base_image)
        origin: origins.Origin = self._once(wanted, lambda: find(request, connect, pin))
        planned = plan_image(request, origin, connect(), target, self._inquiry, own)
        return Planned(planned, origin.untrusted)

    def _once(self, question: object, ask: Callable[[], Any]) -> Any:
        """Return an answer that was given before, or ask; no answer is one, too."""
        if question not in self._answers:
            try:
                self._answers[question] = ask()
            except errors.RetrofitError as error:
                self._answers[question] = error
        answer = self._answers[question]
        if isinstance(answer, errors.RetrofitError):
            raise answer
        return answer


def find(
    request: run_request.RunRequest,
    connect: Callable[[], cloud.Cloud],
    pin: plan_document.Image | None = None,
) -> origins.Origin:
    """Find the base image that is wanted, or the one that was planned.

    Raises:
        errors.RetrofitError: There is none, or it cannot be known.
    """
    access = _access(request)
    if pin is None:
        return request.source.find(connect, access)
    return finding.find_again(request.source, pin.base_image, connect, access)


def _access(request: run_request.RunRequest) -> web.Access:
    return web.Access(request.build.proxies, request.build.ca_certificate)


def plan_image(
    request: run_request.RunRequest,
    origin: origins.Origin,
    connection: cloud.Cloud,
    target: glance_target.GlanceTarget,
    inquiry: upgrades.Inquiry,
    own: own_images.OwnImages,
) -> plan.Plan:
    """Plan an image whose base image is known; changes nothing.

    Args:
        request: What is wanted.
        origin: The base image.
        connection: The cloud the image is to be published in.
        target: How it is to be published.
        inquiry: Asks archives for newer packages.
        own: Our images of the target's tag.

    Raises:
        errors.ConfigError: The tag is not one that Glance takes; an archive lacks something.
        errors.Unavailable: Glance or an archive does not answer.
        errors.RetrofitError: Elements are missing, or cannot be combined.
    """
    naming.tags(target.amp_image_tag)
    wanted = _wanted(request, origin, target)
    return plan_wanted(connection, wanted, request.build, inquiry, cache=request.cache, own=own)


def plan_wanted(
    connection: cloud.Cloud,
    wanted: plan.Wanted,
    build: model.BuildRequest,
    inquiry: upgrades.Inquiry,
    *,
    cache: pathlib.Path | None,
    own: own_images.OwnImages,
) -> plan.Plan:
    """Plan an image of which all is known; see :func:`plan_image`."""
    planned = plan.decide(wanted, own, _with_same_fingerprint(connection, wanted))
    asked = wanted.rebuild_on & {reasons.Choice.SECURITY, reasons.Choice.PACKAGES}
    if planned.action is not reasons.Action.NONE or planned.image is None or not asked:
        return planned
    try:
        found = inquiry.find(description.read(planned.image), build, cache)
    except errors.ImageError as error:
        # It was too long for a property, or somebody changed it: not known is not outdated.
        _LOG.warning("cannot check for newer packages: %s", error)
        return planned
    return _with_packages(planned, found)


def base_image(origin: origins.Origin) -> model.BaseImage:
    """Return the base image as far as it is known, with the hash of its content."""
    known = origin.base or model.BaseImage(name=origin.name)
    return dataclasses.replace(known, content_hash=origin.content_hash())


def inputs(build: model.BuildRequest, base: model.BaseImage) -> dict[str, str]:
    """Return all that decides what ends up in an image; see :func:`fingerprint.inputs`."""
    recipe = recipes.get(build.recipe)
    return fingerprint.inputs(
        base=base.content_hash,
        elements=collect.digests(recipe, build),
        releases=collect.releases(recipe),
        request=build,
    )


def _wanted(
    request: run_request.RunRequest, origin: origins.Origin, target: glance_target.GlanceTarget
) -> plan.Wanted:
    """Return the image that there should be."""
    base = base_image(origin)
    return plan.Wanted(
        base,
        inputs(request.build, base),
        target.amp_image_tag,
        request.proof.depth,
        request.rebuild_on,
        force=request.force,
        apart_from=target.apart_from,
        appearance=target.appearance,
    )


def _with_same_fingerprint(connection: cloud.Cloud, wanted: plan.Wanted) -> Sequence[images.Image]:
    """Return all images of this project with the same fingerprint, newest first."""
    query = [("owner", connection.project_id), (marks.FINGERPRINT, wanted.fingerprint)]
    return list(connection.images(query))


def _with_packages(planned: plan.Plan, found: Iterable[upgrades.Upgrade]) -> plan.Plan:
    """Add what the archives have that is newer than what is in the image."""
    changes: dict[bool, list[reasons.Change]] = {True: [], False: []}
    for package in found:
        change = reasons.Change(package.name, package.installed, package.candidate)
        changes[package.security].append(change)
    return plan.with_packages(planned, updates=changes[False], security=changes[True])
