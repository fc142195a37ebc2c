"""Tables for a terminal."""

from __future__ import annotations

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


def _printable(word: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in word)
