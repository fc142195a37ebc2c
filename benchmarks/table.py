"""The table of what was measured, for people and for programs."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import platform

RESULTS = pathlib.Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was done.
        wall_s: Elapsed seconds.
        ratio: Elapsed seconds by those of the build in the same run.
        cpu_s: Processor seconds, where a whole command was measured.
        peak_memory: Bytes of its largest process, where a whole command was measured.
    """

    what: str
    wall_s: float
    ratio: float
    cpu_s: float | None = None
    peak_memory: int | None = None


def write(rows: list[Row], *, accelerated: bool) -> str:
    """Write ``results/latest.json`` and ``results/latest.md``; return the latter's text."""
    machine = {
        "date": datetime.date.today().isoformat(),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "processors": os.cpu_count(),
        "memory-gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kvm": accelerated,
    }
    document = {"machine": machine, "rows": [dataclasses.asdict(row) for row in rows]}
    kvm = "with KVM" if accelerated else "without KVM"
    text = "\n".join(
        [
            f"{machine['date']}, {machine['system']}, {machine['processors']} processors,"
            f" {machine['memory-gib']} GiB, {kvm}; `make bench`",
            "",
            "| what | seconds | of the build | processor seconds | largest process, MiB |",
            "|---|---:|---:|---:|---:|",
            *map(_line, rows),
            "",
        ]
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(document, indent=2) + "\n")
    (RESULTS / "latest.md").write_text(text)
    return text


def _line(row: Row) -> str:
    """Return a row as Markdown."""
    cpu = "" if row.cpu_s is None else f"{row.cpu_s:.0f}"
    memory = "" if row.peak_memory is None else f"{row.peak_memory / 2**20:.0f}"
    return f"| {row.what} | {row.wall_s:.0f} | {row.ratio:.2f} | {cpu} | {memory} |"
