"""What a build's elements do just now: the script at work, and packages done of all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_INTERVAL_S = 1.0
# apt tells how many packages it is about to change, then names each that it fetches (unless it
# has it already); dpkg names each that it unpacks and sets up. Scripts may put signs in front.
_PLANNED = re.compile(r"(\d+) upgraded, (\d+) newly installed, .*\d+ to remove")
_PHASES = (
    # Archive, suite, architecture, name, architecture and version: more than of an index.
    (re.compile(r"\bGet:\d+(?: \S+){6} \["), "fetched"),
    (re.compile(r"\bUnpacking \S+ "), "unpacked"),
    (re.compile(r"\bSetting up \S+ "), "set up"),
)


class Activity:
    """Keeps count, and tells of it.

    Args:
        tell: Called with one line, about once a second at most and whenever a script begins.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._script = ""
        self._total = 0
        self._counts: dict[str, int] = {}
        self._told = 0.0

    def begins(self, script: str) -> None:
        """A script begins, or what else takes long."""
        self._script, self._total, self._counts = script, 0, {}
        self._told = time.monotonic()
        self._tell(script)

    def line(self, text: str) -> None:
        """A program printed a line."""
        if planned := _PLANNED.search(text):
            self._total = int(planned[1]) + int(planned[2])
            self._counts = {}
            return
        phase = next((name for pattern, name in _PHASES if pattern.search(text)), "")
        if not self._total or not phase:
            return
        self._counts[phase] = min(self._counts.get(phase, 0) + 1, self._total)
        now = time.monotonic()
        if now - self._told < _INTERVAL_S:
            return
        self._told = now
        self._tell(f"{self._script}: {self._furthest()}")

    def _furthest(self) -> str:
        """Return how many packages are done, by the last phase that has begun."""
        begun = [name for _, name in _PHASES if name in self._counts]
        return f"{self._counts[begun[-1]]} of {self._total} packages {begun[-1]}"
