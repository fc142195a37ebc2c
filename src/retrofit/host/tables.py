"""Tables for a terminal."""

from __future__ import annotations

import datetime
from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines in which each column begins at the same place.

    Names in a cloud are anybody's: a question mark stands for what a terminal would obey.

    Args:
        rows: All have the same number of columns.
    """
    shown = [[_printable(word) for word in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def age(then: datetime.datetime, now: datetime.datetime) -> str:
    """Return how old something is, such as ``3 days``."""
    seconds = max(0, int((now - then).total_seconds()))
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _printable(word: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in word)
