"""Ways to show how far a build is: bars on a terminal, a line per step elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import model
from ..host import progress

if TYPE_CHECKING:
    from rich import progress as rich_progress

# How long a step may take before a log hears of it, and again.
_SILENCE_S = 60.0
_BAR_WIDTH = 20


@contextlib.contextmanager
def reporter(*, bars: bool = True) -> Iterator[progress.Reporter]:
    """Give the reporter that fits standard error: a terminal, or a file or pipe.

    Args:
        bars: Whether a terminal gets bars, which need it for themselves.
    """
    if not (bars and sys.stderr.isatty()):
        yield Lines()
        return
    with _bars() as reporter:
        yield reporter


def say(line: str) -> None:
    """Print a line on standard error."""
    print(line, file=sys.stderr, flush=True)


class Lines:
    """One line on standard error per finished step, and now and then one of a long step.

    Args:
        of: What the lines are about, where that is not the whole command.
    """

    def __init__(self, of: str = "") -> None:
        self._head = f"{of}: " if of else ""
        self._step = ""
        self._began = self._said = time.monotonic()

    def step_started(self, name: str) -> None:
        """Say nothing: the line comes at the end, when the time is known."""
        self._step = name
        self._began = self._said = time.monotonic()

    def step_ended(self, record: model.StepRecord) -> None:
        """Print the step's line."""
        say(f"{self._head}{record.name}: {record.wall_s:.1f} s")

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""

    def doing(self, text: str) -> None:
        """Print what a step does that has said nothing for long."""
        now = time.monotonic()
        if now - self._said < _SILENCE_S:
            return
        self._said = now
        say(f"{self._head}{self._step}: {now - self._began:.0f} s, {text}")


@contextlib.contextmanager
def _bars() -> Iterator[progress.Reporter]:
    """Show steps as bars; rich is loaded only where there is a terminal."""
    from rich import console, progress, table

    display = progress.Progress(
        progress.SpinnerColumn(finished_text="✓"),
        # What a console says is no markup.
        progress.TextColumn(
            "{task.description}", markup=False, table_column=table.Column(no_wrap=True, ratio=1)
        ),
        progress.BarColumn(_BAR_WIDTH),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        console=console.Console(stderr=True),
        expand=True,
    )
    try:
        yield _Bars(display)
    finally:
        display.stop()


class _Bars:
    """A bar per step, with what it does just now; one that counts no bytes just pulses."""

    def __init__(self, display: rich_progress.Progress) -> None:
        self._display = display
        self._task: rich_progress.TaskID | None = None
        self._step = ""

    def step_started(self, name: str) -> None:
        """Add a bar."""
        # Not before: what runs side by side is forked while no thread draws.
        self._display.start()
        self._step = name
        self._task = self._display.add_task(name, total=None)

    def step_ended(self, _: model.StepRecord) -> None:
        """Fill the bar."""
        if self._task is not None:
            self._display.update(self._task, description=self._step, total=1, completed=1)

    def advanced(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._display.update(self._task, total=total, completed=done)

    def doing(self, text: str) -> None:
        """Show it beside the step's name."""
        if self._task is not None:
            self._display.update(self._task, description=f"{self._step}: {text}")
