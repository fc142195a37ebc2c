"""What the project set itself, each a ratio of one go, and whether it is met."""

from __future__ import annotations

import dataclasses

from . import measure, record

_MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Goal:
    """A goal and what was measured.

    Attributes:
        what: What is looked at.
        limit: The number to reach.
        value: What was measured; ``None`` where something was not.
        detail: The numbers that the value was made of.
        at_least: Whether the limit is to be reached; else it is not to be passed.
        unit: Of limit and value; empty for a ratio.
        bounded: Whether something was stopped: the value is then only known to be at least this.
    """

    what: str
    limit: float
    value: float | None
    detail: str = ""
    at_least: bool = False
    unit: str = ""
    bounded: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is met; ``None`` if that is not known."""
        if self.value is None:
            return None
        if self.at_least:
            reached = self.value >= self.limit
            return None if self.bounded and not reached else reached
        passed = self.value > self.limit
        return None if self.bounded and not passed else not passed


def check(document: record.Document) -> list[Goal]:
    """Compare one go with the goals."""
    figures = document.figures
    cold, sparsified = document.run("retrofit-cold"), document.run("sparsify")
    own_memory = cold.own_memory / _MIB if cold else None
    return [
        _times(document, "virt-customize", "retrofit-cold", 20, at_least=True),
        _times(document, "retrofit-cold", "floor", 0.8),
        _quotient(
            "all steps but the package step, to the package step",
            0.25,
            figures.get("other_steps_s"),
            figures.get("package_step_s"),
            unit="s",
        ),
        _times(document, "retrofit-warm", "retrofit-cold", 0.5),
        _quotient(
            "peak disk, to the used bytes of the result",
            2,
            _mib(cold.peak_disk if cold else None),
            _mib(figures.get("used_bytes")),
            unit="MiB",
        ),
        _times(document, "create-cold", "disk-image-create-cold", 0.5),
        Goal("peak memory of our own process", 200, own_memory, unit="MiB"),
        _quotient(
            "image size, to that after `virt-sparsify` and zlib",
            0.95,
            _mib(figures.get("result_bytes")),
            _mib(sparsified.image_size if sparsified else None),
            unit="MiB",
        ),
        *(
            _quotient(
                f"{way}, to a plain copy through the same Glance",
                1.1,
                figures.get(f"our_{way}_s"),
                figures.get(f"plain_{way}_s"),
                unit="s",
            )
            for way in ("upload", "download")
        ),
        *(
            _times(document, f"sequential-{state}", f"parallel-{state}", 1.5, at_least=True)
            for state in ("warm", "cold")
        ),
        Goal("`retrofit --help`, processor time", 0.3, figures.get("help_cpu_s"), unit="s"),
    ]


def _times(
    document: record.Document, over: str, under: str, limit: float, *, at_least: bool = False
) -> Goal:
    """Compare the elapsed time of two runs, the first of which may have been stopped."""
    first, second = document.run(over), document.run(under)
    what = f"{over}, to {under}"
    usable = first is not None and first.outcome != measure.Outcome.FAILED
    if not usable or second is None or not second.done:
        return Goal(what, limit, None, at_least=at_least)
    assert first is not None
    goal = _quotient(what, limit, first.wall_s, second.wall_s, unit="s")
    return dataclasses.replace(goal, at_least=at_least, bounded=not first.done)


def _quotient(
    what: str, limit: float, over: float | None, under: float | None, *, unit: str
) -> Goal:
    """Compare two numbers of a unit, which may be lacking."""
    if over is None or not under:
        return Goal(what, limit, None)
    return Goal(what, limit, over / under, f"{over:.4g} {unit} : {under:.4g} {unit}")


def _mib(value: float | None) -> float | None:
    return None if value is None else value / _MIB
