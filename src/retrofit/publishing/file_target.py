"""Where an image goes: into a file or several, or to Glance."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import ClassVar

from .. import errors, model
from ..building import outputs
from ..host import locks
from . import companions, glance_target


@dataclasses.dataclass(frozen=True)
class FileTarget:
    """Write a file.

    Attributes:
        path: The file.
        properties: None: only images in Glance have some.
    """

    path: pathlib.Path
    properties: ClassVar[tuple[tuple[str, str], ...]] = ()

    def in_glance(self) -> glance_target.GlanceTarget:
        """Refuse what is for Glance alone.

        Raises:
            errors.ConfigError: Always: plans are for Glance, and not for a file.
        """
        raise errors.ConfigError(
            f"a plan needs the target glance:, but the target is the file {self.path}",
            hint="use a request with the target glance:",
        )

    def hold(
        self, *, force: bool, work_base: pathlib.Path | None
    ) -> contextlib.AbstractContextManager[None]:
        """Keep other runs from making the same file.

        Args:
            force: Whether it is replaced if it is there.
            work_base: As for every target.

        Raises:
            errors.OutputError: It is there, or cannot be written.
            errors.Busy: Another run makes it.
        """
        del work_base
        outputs.check(self.path, force=force)
        return locks.hold(outputs.beside(self.path, "lock"), f"writes {self.path}")

    def deliver(self, run: glance_target.Run[glance_target.R_co]) -> glance_target.R_co:
        """Have a run make the file."""
        return run.to_file(self.path)


@dataclasses.dataclass(frozen=True)
class FilesTarget:
    """Write several files, in a format each, and beside each those of :mod:`companions`.

    Attributes:
        paths: The files, each with its format; at least one.
        properties: None: only images in Glance have some.
    """

    paths: tuple[tuple[model.FileFormat, pathlib.Path], ...]
    properties: ClassVar[tuple[tuple[str, str], ...]] = ()

    def in_glance(self) -> glance_target.GlanceTarget:
        """Refuse what is for Glance alone; see :meth:`FileTarget.in_glance`."""
        return FileTarget(self.paths[0][1]).in_glance()

    @contextlib.contextmanager
    def hold(self, *, force: bool, work_base: pathlib.Path | None) -> Iterator[None]:
        """Keep other runs from making the same files; see :meth:`FileTarget.hold`."""
        with contextlib.ExitStack() as held:
            for _, path in self.paths:
                one = FileTarget(path)
                held.enter_context(one.hold(force=force, work_base=work_base))
                for companion in companions.places(path):
                    outputs.check(companion, force=force)
            yield

    def deliver(self, run: glance_target.Run[glance_target.R_co]) -> glance_target.R_co:
        """Have a run make the files."""
        return run.to_files(self.paths)


Target = FileTarget | FilesTarget | glance_target.GlanceTarget
