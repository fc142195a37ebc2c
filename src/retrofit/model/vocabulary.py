"""Words that stand for a choice."""

from __future__ import annotations

import enum


class Word(str, enum.Enum):
    """A member of a fixed set of words, which is that text wherever a text is wanted.

    ``enum.StrEnum`` is the same, from Python 3.11 on.
    """

    def __str__(self) -> str:
        """Return the word."""
        return str(self.value)
