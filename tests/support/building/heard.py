"""Hears what scripts of elements print while they run."""

from __future__ import annotations

from retrofit.building import activity


class Heard(activity.Activity):
    """Keeps every line.

    Attributes:
        lines: The lines, in order.
        told: What was told of the activity, in order.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.told: list[str] = []
        super().__init__(self.told.append)

    def line(self, text: str) -> None:
        """Keep the line."""
        self.lines.append(text)
        super().line(text)
