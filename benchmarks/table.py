"""The tables of what was measured, in Markdown; made of the record and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import goals, record

_OURS = "retrofit-cold"
# Runs that make a tar from a package mirror are compared with the first of their own.
_CREATED = "create-cold"
_CREATING = ("create-", "disk-image-create-")
_MIB = 2**20

_Column = Callable[[record.Run], float | None]


def _mib(name: str) -> _Column:
    """Return a column of MiB."""

    def value(run: record.Run) -> float | None:
        found = getattr(run, name)
        return None if found is None else found / _MIB

    return value


_COLUMNS: dict[str, _Column] = {
    "wall, s": lambda run: run.wall_s,
    "processor, s": lambda run: run.cpu_s,
    "largest process, MiB": _mib("largest_process"),
    "peak disk, MiB": _mib("peak_disk"),
    "written, MiB": _mib("written"),
    "downloaded, MiB": _mib("downloaded"),
    "image, MiB": _mib("image_size"),
}


def headline(document: record.Document) -> str:
    """Return when and on what it was measured."""
    machine = document.machine
    kvm = "with KVM" if machine["kvm"] else "without KVM (machines are emulated)"
    return (
        f"{machine['date']}, {machine['system']}, {machine['processors']} processors,"
        f" {machine['memory-gib']} GiB, {kvm}; `{document.command}`"
    )


def runs(document: record.Document) -> str:
    """Return the table of runs; in brackets how many times that of our cold build."""
    found = [run for run in document.runs if not run.name.startswith(_CREATING)]
    return _runs(found, document.run(_OURS))


def created(document: record.Document) -> str:
    """Return the same of runs that make a tar from a package mirror; empty if none did."""
    found = [run for run in document.runs if run.name.startswith(_CREATING)]
    return _runs(found, document.run(_CREATED)) if found else ""


def _runs(found: Sequence[record.Run], ours: record.Run | None) -> str:
    return _table(
        ["what", "cache", *_COLUMNS],
        [
            [run.what, run.cache, *(_cell(column, run, ours) for column in _COLUMNS.values())]
            for run in found
        ],
    )


def goals_of(document: record.Document) -> str:
    """Return the table of goals."""
    return _table(["goal", "at", "measured", "met"], [_goal(g) for g in goals.check(document)])


def commands(document: record.Document) -> str:
    """Return the command lines, by what they did."""
    return "\n".join(f"- {run.what}, cache {run.cache}: `{run.command}`" for run in document.runs)


def steps(document: record.Document) -> str:
    """Return the steps of our cold build, and the package step, with their seconds."""
    found = {
        name.removeprefix("step_").removesuffix("_s"): value
        for name, value in document.figures.items()
        if name.startswith("step_")
    }
    if not found:
        return ""
    package = document.figures["package_step_s"]
    named = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.items())
    return f"Seconds of the steps of our cold build: packages and elements {package:.1f}; {named}."


def _cell(column: _Column, run: record.Run, ours: record.Run | None) -> str:
    value = column(run)
    if column is _COLUMNS["wall, s"] and not run.done:
        return f"{run.outcome} after {run.wall_s:.0f}"
    if value is None:
        return ""
    text = f"{value:.0f}"
    reference = column(ours) if ours is not None and ours is not run else None
    # A run that did not end would be compared with too little.
    return f"{text} ({value / reference:.2g}×)" if reference and run.done else text


def _goal(goal: goals.Goal) -> list[str]:
    unit = f" {goal.unit}" if goal.unit else ""
    limit = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}{unit}"
    if goal.value is None:
        return [goal.what, limit, "", "not measured"]
    measured = f"{'≥ ' if goal.bounded else ''}{goal.value:.2f}{unit}"
    detail = f" ({goal.detail})" if goal.detail else ""
    met = {True: "yes", False: "**no**", None: "not known"}[goal.met]
    return [goal.what, limit, measured + detail, met]


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])
