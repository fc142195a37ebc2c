"""The chart of what was measured."""

from __future__ import annotations

import pathlib

import matplotlib as mpl
from matplotlib import figure

from . import record

_MIB = 2**20
_PEERS = (
    "retrofit-cold",
    "retrofit-warm",
    "floor",
    "diskimage-builder-cold",
    "diskimage-builder-warm",
    "virt-customize",
)
_PANELS = (
    ("elapsed, s", "wall_s", 1),
    ("processor time, s", "cpu_s", 1),
    ("peak disk, MiB", "peak_disk", _MIB),
    ("written, MiB", "written", _MIB),
    ("downloaded, MiB", "downloaded", _MIB),
    ("image (of diskimage-builder a tar), MiB", "image_size", _MIB),
)
_OURS_COLOUR, _OTHER_COLOUR = "#e95420", "#77716b"


def draw(document: record.Document, target: pathlib.Path) -> None:
    """Draw a panel for each kind of cost, with a bar for each way of making the image."""
    shown = [run for name in reversed(_PEERS) if (run := document.run(name))]
    # Text stays text, and the same numbers make the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "retrofit"}):
        drawing = figure.Figure(figsize=(11, 6), layout="constrained")
        for axes, (title, attribute, unit) in zip(
            drawing.subplots(2, 3, sharey=True).flat, _PANELS, strict=True
        ):
            values = [(getattr(run, attribute) or 0) / unit for run in shown]
            colours = [_OURS_COLOUR if "retrofit" in run.name else _OTHER_COLOUR for run in shown]
            bars = axes.barh([run.name for run in shown], values, color=colours)
            axes.bar_label(bars, [_label(run, attribute, unit) for run in shown], padding=3)
            axes.margins(x=0.4)
            axes.set_title(title)
            axes.spines[["top", "right"]].set_visible(False)
        drawing.savefig(target, metadata={"Date": None})


def _label(run: record.Run, attribute: str, unit: int) -> str:
    """Return what stands beside a bar."""
    value = getattr(run, attribute)
    if attribute == "wall_s" and not run.done:
        return f"{run.outcome}: {value:.0f}"
    return "" if value is None else f"{value / unit:.0f}"
