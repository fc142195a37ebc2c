"""What one go of the measurements found, as ``results/latest.json`` keeps it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import platform
from typing import Any

from retrofit.host import accelerator, files

from . import measure

RESULTS = pathlib.Path(__file__).parent / "results"
_LATEST = RESULTS / "latest.json"


@dataclasses.dataclass(frozen=True)
class Run:
    """A command that was measured; see :class:`measure.Measured` for what is not named here.

    Attributes:
        name: What others call it by.
        what: What it is, for people.
        cache: State of its own cache: ``cold``, ``warm``, or ``none`` where it keeps none.
        image_size: Bytes of the image it made; ``None`` if it made none.
        command: The command line, shortened where paths are the measurement's own.
    """

    name: str
    what: str
    cache: str
    outcome: str
    complaint: str
    wall_s: float
    cpu_s: float | None
    largest_process: int | None
    own_memory: int
    peak_disk: int
    written: int | None
    downloaded: int
    image_size: int | None
    command: str

    @property
    def done(self) -> bool:
        """Whether it came to its end, and well."""
        return self.outcome == measure.Outcome.DONE


@dataclasses.dataclass(frozen=True)
class Document:
    """All that one go found.

    Attributes:
        machine: Date, system, ``processors``, ``memory-gib``, whether ``kvm`` was used.
        command: How the measurements were started.
        runs: What was measured, in this order.
        figures: Numbers beside; their names end in their units.
    """

    machine: dict[str, Any]
    command: str
    runs: tuple[Run, ...]
    figures: dict[str, float]

    def run(self, name: str) -> Run | None:
        """Return a run by its name, or ``None``."""
        return next((run for run in self.runs if run.name == name), None)


def machine() -> dict[str, Any]:
    """Return what machine this is, and when."""
    return {
        "date": datetime.date.today().isoformat(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "processors": os.cpu_count(),
        "memory-gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kvm": accelerator.kvm_works(),
    }


def save(document: Document) -> None:
    """Make a document the latest."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(dataclasses.asdict(document), indent=2)
    files.write(_LATEST, text + "\n", mode=0o644)


def load() -> Document:
    """Return the latest document."""
    found = json.loads(_LATEST.read_text())
    return Document(**found | {"runs": tuple(Run(**run) for run in found["runs"])})
