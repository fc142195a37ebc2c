"""What a recipe is."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping

from .. import errors, model
from ..building.elements import sources
from ..proof import checks as proof_checks


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes a base image an image for a service.

    Attributes:
        name: Its name, such as ``amphora``.
        elements: Elements it applies, in no order, by distribution.
        environment: Variables for the elements; the user's come on top.
        root_size: Size in bytes that the root file system gets at least, before packages come in.
        supports: Tells whether it can be applied to a release.
        checks: Returns what its images are proved by: late, as that brings along much which a
            plan does without.
        own_elements: Directory of the elements that come with the recipe.
        element_sources: Elements of other projects.
    """

    name: str
    elements: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str]
    root_size: int
    supports: Callable[[model.Release], bool]
    checks: Callable[[], proof_checks.Checks] = proof_checks.Checks
    own_elements: pathlib.Path | None = None
    element_sources: tuple[sources.Source, ...] = ()

    def check(self, release: model.Release) -> None:
        """Refuse a release that the recipe cannot be applied to.

        Raises:
            errors.ImageError: It cannot.
        """
        # zipl starts a machine from lists of blocks, and a build moves every block.
        if release.architecture == "s390x":
            raise errors.ImageError(
                "images for s390x would not start after a build: their boot loader goes by blocks",
                hint="use an image for another architecture",
            )
        if not self.supports(release):
            raise errors.ImageError(
                f"the recipe {self.name} does not support {release.distribution}"
                f" {release.series or release.version}",
                hint="docs/reference/elements.md lists the releases it supports",
            )
