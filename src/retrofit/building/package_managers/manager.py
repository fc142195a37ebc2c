"""What a build needs of a package manager."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from ... import model
from ...host.sandbox import cells

OnLine = Callable[[str], None] | None


class PackageManager(Protocol):
    """Installs packages in a system, and tells which there are.

    Cells have the system as their root. ``on_line`` is called with each line that it prints.
    """

    def binds(
        self,
        tree: pathlib.Path,
        request: model.BuildRequest,
        release: model.Release,
        work: pathlib.Path,
    ) -> Sequence[cells.Bind]:
        """Write settings for the time of a build beside the tree, and return where they go.

        With them goes what is there of its lists that does not lie in the tree.

        Raises:
            errors.ConfigError: It cannot read the login of an archive.
        """

    @property
    def repeatable(self) -> bool:
        """Whether the same packages, installed again, are the same bit for bit."""

    def identity_of_lists(self, work: pathlib.Path) -> str:
        """Return what tells the lists that lie beside the tree from others; empty for none."""

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables of all programs of a build."""

    def prepared(
        self, tree: pathlib.Path, request: model.BuildRequest
    ) -> contextlib.AbstractContextManager[None]:
        """Keep a tree ready for installing packages, and take all of that away at the end."""

    def settle(self, cell: cells.Cell, on_line: OnLine) -> None:
        """Finish what was begun before the build.

        Raises:
            errors.ImageError: A program of every build is missing, or it cannot be finished.
        """

    def point(self, tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
        """Tell a system of the mirror that was given, if one was.

        Raises:
            errors.ConfigError: What was given is no mirror, or is not for this distribution.
        """

    def refresh(
        self,
        cell: cells.Cell,
        request: model.BuildRequest,
        release: model.Release,
        on_line: OnLine,
    ) -> None:
        """Fetch the lists of packages, those of what was given beside the mirror, too.

        Raises:
            errors.ConfigError: An archive lacks what is wanted of it.
            errors.Unavailable: An archive does not answer.
        """

    def upgrade(self, cell: cells.Cell, archives: model.Archives, on_line: OnLine) -> None:
        """Upgrade all packages but boot loaders.

        Raises:
            errors.ConfigError: An archive lacks what it lists.
            errors.RecipeError: A script of a package failed.
            errors.Unavailable: An archive does not give what it lists.
        """

    def clean(self, cell: cells.Cell) -> None:
        """Remove the packages that were fetched."""

    def installed(self, cell: cells.Cell) -> tuple[model.Package, ...]:
        """Return what is installed, sorted by name and architecture.

        Raises:
            errors.ImageError: There is no list of it, or nothing stands in it.
        """

    def secured(
        self, cell: cells.Cell, packages: Iterable[model.Package]
    ) -> tuple[model.Package, ...]:
        """Mark what an archive offers as a security update; its lists must still be there."""

    def settings(
        self, cell: cells.Cell, packages: Iterable[model.Package], release: model.Release
    ) -> model.ArchiveSettings | None:
        """Return what it was told of, and which newer packages the build left.

        The lists have to be there still. ``None`` if there is no such program any more.
        """
