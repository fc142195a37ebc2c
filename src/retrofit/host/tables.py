"""Tables for a terminal.

A table of rich would fill the width of the terminal, 80 columns where there is none: it wraps or
cuts identifiers, which people copy and programs read. An age of humanize is ``a month`` from 16 to
45 days, and ``a day`` from 24 hours to 48: policies count days.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from rich import cells


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines in which each column begins at the same place.

    Names in a cloud are anybody's: a question mark stands for what a terminal would obey, and a
    letter may be as wide as two.

    Args:
        rows: All have the same number of columns.
    """
    shown = [[printable(word) for word in row] for row in rows]
    widths = [max(map(cells.cell_len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(map(_filled, row, widths)).rstrip() for row in shown]


def age(then: datetime.datetime, now: datetime.datetime) -> str:
    """Return how old something is, such as ``3 days``."""
    seconds = max(0, int((now - then).total_seconds()))
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _filled(word: str, width: int) -> str:
    return word + " " * (width - cells.cell_len(word))


def printable(word: str) -> str:
    """Return a word without characters that a terminal obeys."""
    return "".join(letter if letter.isprintable() else "?" for letter in word)
