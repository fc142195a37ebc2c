"""Calendar expressions of systemd, checked by systemd itself (systemd.time(7))."""

from __future__ import annotations

import datetime
import functools
import re

from . import process

# What most timers have needs no process.
_KNOWN = ("hourly", "daily", "weekly")
_TIMEOUT_S = 30


def check(expression: str) -> None:
    """Check that a timer can use an expression, and that it comes at all.

    Args:
        expression: Such as ``daily`` or ``Mon..Fri 03:30``.

    Raises:
        ValueError: It cannot, or does not; the message says what an expression is.
    """
    if expression in _KNOWN:
        return
    _ask(expression)


def following(expression: str, moment: datetime.datetime) -> datetime.datetime | None:
    """Return when an expression comes for the first time after a moment; ``None`` for never.

    Args:
        expression: One that :func:`check` takes; it is meant in the machine's time zone.
        moment: Any moment.
    """
    base = f"{moment.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    shown = process.run(
        ["systemd-analyze", "calendar", f"--base-time={base}", "--", expression],
        timeout_s=_TIMEOUT_S,
    )
    # Where the machine's zone is another one, a line of its own says it in UTC.
    found = re.findall(r": \w+ (\S+ \S+) UTC$", shown.stdout, re.MULTILINE)
    if not found:
        return None
    return datetime.datetime.fromisoformat(f"{found[-1]}+00:00")


@functools.cache
def _ask(expression: str) -> None:
    """Ask systemd; of many images most have one schedule."""
    # A line break would begin another setting of the timer.
    readable = expression.isprintable() and expression.strip()
    if readable:
        parsed = process.run(
            ["systemd-analyze", "calendar", "--", expression], timeout_s=_TIMEOUT_S, check=False
        )
        if parsed.returncode == 0 and "Next elapse: never" not in parsed.stdout:
            return
    raise ValueError(
        "hourly, daily, weekly or a systemd calendar expression of the future, "
        "such as Mon..Fri 03:30"
    )
