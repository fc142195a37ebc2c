"""How a build tells what it does: steps begin and end, bytes go by."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from typing import Protocol

from .. import model
from . import signals


class Reporter(Protocol):
    """Whoever wants to know how far a build is: a terminal, a log, a result file."""

    def step_started(self, name: str) -> None:
        """A step begins."""

    def step_ended(self, record: model.StepRecord) -> None:
        """The step that began last is done."""

    def advanced(self, done: int, total: int) -> None:
        """Of ``total`` bytes of the present step, ``done`` are done."""

    def doing(self, text: str) -> None:
        """The present step does this just now: one line for people, at most about one a second."""


class Recorder:
    """Keeps what each step cost, and passes everything on.

    Attributes:
        records: The steps that are done, in order.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.records: list[model.StepRecord] = []
        self.step_started = reporter.step_started
        self.advanced = reporter.advanced
        self.doing = reporter.doing

    def step_ended(self, record: model.StepRecord) -> None:
        """Keep the record."""
        self.records.append(record)
        self._reporter.step_ended(record)


@contextlib.contextmanager
def step(reporter: Reporter, name: str) -> Iterator[None]:
    """Report a step and measure what this process and its ended children spend on it."""
    signals.check()
    reporter.step_started(name)
    wall, cpu = time.monotonic(), _cpu_s()
    yield
    reporter.step_ended(
        model.StepRecord(
            name=name,
            wall_s=round(time.monotonic() - wall, 3),
            cpu_s=round(_cpu_s() - cpu, 3),
            peak_memory=_peak_memory(),
            peak_disk=0,
        )
    )


def _usages() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _cpu_s() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def _peak_memory() -> int:
    # Linux counts ru_maxrss in KiB (getrusage(2)).
    return max(usage.ru_maxrss for usage in _usages()) * 1024
