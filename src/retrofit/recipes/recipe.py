"""What a recipe is: all that the other rooms are told of a kind of image."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import errors, model
from ..building.elements import sources
from ..model import architectures, releases
from ..proof import checks as proof_checks
from ..publishing import naming

if TYPE_CHECKING:
    from .. import cloud


@dataclasses.dataclass(frozen=True)
class Agent:
    """The program of a service in its machines, which may come from a source.

    Attributes:
        element: Element that installs it from its source.
        source: Name of the source there, as a part of variables' names.
        constraints: The same of the source of its constraints.
    """

    element: str
    source: str
    constraints: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes a base image an image of one kind.

    Attributes:
        name: Its name, such as ``amphora``.
        elements: Elements it applies, in no order, by distribution.
        environment: Variables for the elements; the user's come on top.
        first_series: The first series of each distribution that it can be applied to.
        root_size: Size in bytes that the root file system gets at least, before packages come in.
        glance: What its images are called in Glance, and what they say there of themselves.
        architectures: Debian architectures that it can be applied to.
        checks: Returns what its images are proved by: late, as that brings along much which a
            plan does without.
        register: Has a service know the current image, given the cloud and the identifier of the
            image. It is called whenever a run ends, and does nothing where that is done. ``None``
            if the tag is all that a service goes by.
        fleet: Which machines run its images, and so how they are moved to a new one; ``None`` if
            no service keeps such machines.
        agent: What a service has in its machines; ``None`` if nothing of it is from a source.
        own_elements: Directory of the elements that come with the recipe.
        element_sources: Elements of other projects.
    """

    name: str
    elements: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str]
    first_series: Mapping[str, str]
    root_size: int
    glance: naming.Kind
    architectures: tuple[str, ...] = architectures.DEBIAN
    checks: Callable[[], proof_checks.Checks] = proof_checks.Checks
    register: Callable[[cloud.Cloud, str], None] | None = None
    fleet: model.Fleet | None = None
    agent: Agent | None = None
    own_elements: pathlib.Path | None = None
    element_sources: tuple[sources.Source, ...] = ()

    def supports(self, series: str) -> bool:
        """Tell whether it can be applied to a series."""
        first = self.first_series.get(releases.distribution_of(series))
        return first is not None and releases.is_since(series, first)

    def architectures_of(self, base: model.BaseImage | None) -> tuple[str, ...]:
        """Return of which architectures an image may be: one, if its base image's is known."""
        if base is None or not base.architecture:
            return self.architectures
        return (architectures.debian_architecture(base.architecture),)

    def check(self, release: model.Release) -> None:
        """Refuse a release that the recipe cannot be applied to.

        Raises:
            errors.ImageError: It cannot.
        """
        reason = architectures.NO_IMAGES.get(release.architecture)
        if reason is not None:
            raise errors.ImageError(
                f"{release.architecture} images do not start after a build: {reason}",
                hint="use an image for another architecture",
            )
        if release.architecture not in self.architectures:
            raise errors.ImageError(
                f"the recipe {self.name} does not support {release.architecture}",
                hint=f"it supports {', '.join(self.architectures)}",
            )
        known = releases.distribution_of(release.series) == release.distribution
        if not known or not self.supports(release.series):
            raise errors.ImageError(
                f"the recipe {self.name} does not support {release.distribution}"
                f" {release.series or release.version}",
                hint="docs/reference/elements.md lists the releases it supports",
            )
