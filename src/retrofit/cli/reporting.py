"""Ways to show how far a build is: bars on a terminal, a line per step elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import model
from ..host import progress

if TYPE_CHECKING:
    from rich import progress as rich_progress


@contextlib.contextmanager
def reporter() -> Iterator[progress.Reporter]:
    """Give the reporter that fits standard error: a terminal, or a file or pipe."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    with _bars() as bars:
        yield bars


def say(line: str) -> None:
    """Print a line on standard error."""
    print(line, file=sys.stderr, flush=True)


class Lines:
    """One line on standard error per finished step, with its elapsed time.

    Args:
        of: What the lines are about, where that is not the whole command.
    """

    def __init__(self, of: str = "") -> None:
        self._head = f"{of}: " if of else ""

    def step_started(self, name: str) -> None:
        """Say nothing: the line comes at the end, when the time is known."""

    def step_ended(self, record: model.StepRecord) -> None:
        """Print the step's line."""
        say(f"{self._head}{record.name}: {record.wall_s:.1f} s")

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""


@contextlib.contextmanager
def _bars() -> Iterator[progress.Reporter]:
    """Show steps as bars; rich is loaded only where there is a terminal."""
    from rich import console, progress

    with progress.Progress(
        progress.SpinnerColumn(finished_text="✓"),
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        console=console.Console(stderr=True),
    ) as display:
        yield _Bars(display)


class _Bars:
    """A bar per step; one that does not count its bytes just pulses."""

    def __init__(self, display: rich_progress.Progress) -> None:
        self._display = display
        self._task: rich_progress.TaskID | None = None

    def step_started(self, name: str) -> None:
        """Add a bar."""
        self._task = self._display.add_task(name, total=None)

    def step_ended(self, _: model.StepRecord) -> None:
        """Fill the bar."""
        if self._task is not None:
            self._display.update(self._task, total=1, completed=1)

    def advanced(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._display.update(self._task, total=total, completed=done)
