"""The table of the last runs; loads no validation, which the charm's hooks have no time for."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..host import tables

if TYPE_CHECKING:
    from ..model.documents import run_document

_HEADINGS = ("STARTED (UTC)", "TRIGGER", "OUTCOME", "TOOK", "IMAGE", "WHY")


def table(runs: tuple[run_document.Entry, ...]) -> list[str]:
    """Return runs as lines below headings."""
    return tables.lines([_HEADINGS, *map(_row, runs)])


def _row(run: run_document.Entry) -> tuple[str, ...]:
    return (
        f"{run.started.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S}",
        run.trigger,
        run.outcome,
        f"{run.duration_s:.0f} s",
        run.image.name if run.image else "-",
        run.why or "-",
    )
