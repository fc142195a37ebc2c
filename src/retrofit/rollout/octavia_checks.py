"""Whether images and Octavia fit together: what ``retrofit doctor`` asks of Octavia and Nova."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from .. import cloud, errors, model
from ..cloud import access, images, service
from ..model import diagnosis
from ..provenance import description
from ..publishing import survey
from . import amphorae, controller_releases, overview

_AGENTS = ("amphora-agent", "octavia-agent")
_NEEDS = ("credentials", "image-service")


def checks(reached: access.Access, tags: Sequence[str]) -> tuple[diagnosis.Check, ...]:
    """Return the checks, which need those of the access.

    Args:
        reached: The access to the cloud.
        tags: By which images of amphorae are to be found; by the first, those of load balancers
            whose flavors name no other.
    """
    octavia = _Octavia(reached, tags)
    return (
        diagnosis.Check("octavia", octavia.answers, _NEEDS),
        diagnosis.Check("octavia-image", octavia.image, ("octavia",)),
        diagnosis.Check("octavia-flavor-disk", octavia.flavor_disk, ("octavia",)),
        diagnosis.Check("octavia-release", octavia.release, ("octavia",)),
    )


class _Octavia:
    """Octavia, and the images that it selects.

    Args:
        reached: The access to the cloud.
        tags: As for :func:`checks`.
    """

    def __init__(self, reached: access.Access, tags: Sequence[str]) -> None:
        self._reached = reached
        self._given = tags
        self._tag = tags[0]

    def answers(self) -> str:
        """Ask for the API's versions, which tell the release."""
        span = self._release()
        return f"Octavia is release {span}" if span else "Octavia answers"

    def image(self) -> str:
        """Look which image Octavia selects by the tags that it is known to ask for."""
        told = []
        for tag in self._tags():
            found = self._survey(tag)
            if found.selected is None and tag in self._given:
                # Before the first image that is as it should be.
                raise diagnosis.NotChecked(f"no active image has the tag {tag}")
            if found.selected is None:
                raise errors.InputMissing(
                    f"no active image has the tag {tag}, which an Octavia flavor names",
                    hint="publish one, or correct amp_image_tag of the flavor",
                )
            for other in found.shadowing if found.current else ():
                raise errors.ConfigError(
                    f"Octavia selects {other.name} ({other.id}) of project {other.owner} by the "
                    f"tag {tag}, not our image",
                    hint=f"set Octavia's option amp_image_owner_id={other.amp_image_owner_id}"
                    if other.amp_image_owner_id
                    else "delete that image, or take the tag from it",
                )
            whose = "" if found.current else f" of project {found.selected.owner}"
            told.append(f"{found.selected.name}{whose} by the tag {tag}")
        return f"Octavia selects {', '.join(told)}"

    def flavor_disk(self) -> str:
        """Compare the disks of Nova's flavors with what images need."""
        told = []
        for data in self._flavors().values():
            flavor = str(data.get("compute_flavor") or "")
            selected = self._survey(amphorae.tag_of(data) or self._tag).selected
            if not flavor or selected is None:
                continue
            disk, needed = self._disk(flavor), _disk_needed(selected)
            if 0 < disk < needed:
                raise errors.ConfigError(
                    f"the compute flavor {flavor} of an Octavia flavor has a disk of {disk} GiB, "
                    f"and {selected.name} needs {needed}",
                    hint="give the flavor a larger disk",
                )
            told.append(f"{flavor}: {disk} GiB for an image of {needed}")
        if not told:
            raise diagnosis.NotChecked(
                "no Octavia flavor names a compute flavor, and Octavia does not tell its own"
            )
        return "; ".join(told)

    def release(self) -> str:
        """Compare the agent in the image with the controller."""
        span = self._release()
        selected = self._survey(self._tag).selected
        if span is None or selected is None:
            raise diagnosis.NotChecked("no image or no release of Octavia is known")
        agent = _agent(selected)
        told = f"the agent in {selected.name} is {controller_releases.name(agent)}, Octavia {span}"
        if span.last is not None and agent > span.last:
            raise errors.ConfigError(
                f"{told}: the agent is newer than its controller",
                hint="build the image with the agent of an earlier release (retrofit-uca-pocket)",
            )
        return told

    @functools.cached_property
    def _cloud(self) -> cloud.Cloud:
        return self._reached.cloud()

    def _service(self, kind: str, name: str) -> service.Service:
        found = self._cloud.api(kind)
        if found is None:
            raise diagnosis.NotChecked(f"the cloud's catalog has no {name} service")
        return found

    def _release(self) -> controller_releases.Span | None:
        octavia = self._service("load_balancer", "load balancer")
        versions = octavia.versions("ask for Octavia's versions", timeout_s=access.TIMEOUT_S)
        return controller_releases.of_api(versions)

    def _flavors(self) -> dict[str, dict[str, Any]]:
        self._service("load_balancer", "load balancer")
        try:
            return amphorae.Octavia(self._cloud, patience_s=access.TIMEOUT_S).flavors()
        except errors.Denied as error:
            raise diagnosis.NotChecked(str(error)) from error

    def _tags(self) -> list[str]:
        """Return the tags that Octavia is known to ask for, the usual one first."""
        named = (amphorae.tag_of(data) for data in self._flavors().values())
        return list(dict.fromkeys([*self._given, *sorted(tag for tag in named if tag)]))

    def _survey(self, tag: str) -> survey.Survey:
        return overview.look_at(self._cloud, tag)

    def _disk(self, flavor: str) -> int:
        """Ask Nova for the GiB of a flavor's disk; 0 stands for as much as the image needs."""
        nova = self._service("compute", "compute")
        what = f"show flavor {flavor}"
        answer = nova.once("GET", f"/flavors/{flavor}", what, timeout=access.TIMEOUT_S)
        return int(answer.json()["flavor"]["disk"])


def _disk_needed(image: images.Image) -> int:
    """Return the GiB of disk that a machine of an image needs."""
    return max(image.min_disk, math.ceil(image.virtual_size / model.GIB))


def _agent(image: images.Image) -> int:
    """Return the release of the agent in an image, as its list of packages says."""
    try:
        packages = description.read(image).packages
    except errors.ImageError as error:
        raise diagnosis.NotChecked(f"{image.name} does not list its packages") from error
    for package in packages:
        release = controller_releases.of_package(package.version)
        if package.name in _AGENTS and release is not None:
            return release
    raise diagnosis.NotChecked(f"{image.name} has no package of the agent")
