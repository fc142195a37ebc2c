"""Writes what was measured where people read it: ``results/`` and README."""

from __future__ import annotations

import re

from tests.support import paths

from retrofit.host import files

from . import chart, record, table

_README = paths.REPOSITORY / "README.md"
_BLOCK = re.compile(r"(<!-- performance: begin -->\n).*(<!-- performance: end -->)", re.DOTALL)

_EXPLANATION = """\
In brackets: how many times that of the first line. Bytes written are those that processes wrote to
file systems on disk, whether they reached it yet or not; peak disk is what was free of it at the
start less the least that was free; downloaded is what the machine received."""


def publish(document: record.Document) -> None:
    """Write ``latest.md``, ``latest.svg`` and README's section."""
    files.write(record.RESULTS / "latest.md", page(document), mode=0o644)
    chart.draw(document, record.RESULTS / "latest.svg")
    text = _BLOCK.sub(lambda found: found[1] + section(document) + found[2], _README.read_text())
    files.write(_README, text, mode=0o644)


def page(document: record.Document) -> str:
    """Return the page with everything."""
    parts = [
        table.headline(document),
        _EXPLANATION,
        table.runs(document),
        table.created(document),
        table.steps(document),
        table.goals_of(document),
        "Commands:",
        table.commands(document),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def section(document: record.Document) -> str:
    """Return what README says."""
    parts = [
        "![The same image, made in different ways](benchmarks/results/latest.svg)",
        table.headline(document),
        table.runs(document),
    ]
    return "\n\n".join(parts) + "\n"
