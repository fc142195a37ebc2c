"""The times at which runs may begin by themselves: a maintenance window, as a person writes it."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS = re.compile(r"(?:(?P<days>\S+) )?(?P<begins>\S+?) ?- ?(?P<ends>\S+)")
_TIME = re.compile(r"(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)")
_DAY = datetime.timedelta(days=1)
# A window comes at least once a week; on the day the clocks change it may be left out.
_HORIZON_DAYS = 15


@dataclasses.dataclass(frozen=True)
class Window:
    """A window that opens on some days of the week.

    Attributes:
        days: The days on which it opens; 0 is Monday.
        begins: When it opens, after midnight.
        ends: When it closes, after the midnight that begins the day it opened; more than a day
            where that is on the next day.
    """

    days: frozenset[int]
    begins: datetime.timedelta
    ends: datetime.timedelta

    def opening(self, moment: datetime.datetime) -> datetime.datetime:
        """Return the first moment in the window that is not before another one.

        Args:
            moment: Any moment, in the time zone in which the window is meant.
        """
        for opens, closes in self._from(moment):
            if moment < closes:
                return max(moment, opens)
        raise AssertionError("a week without any of its days")

    def _from(
        self, moment: datetime.datetime
    ) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
        """Give the windows from the one that may have opened on the day before."""
        midnight = moment.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        for number in range(-1, _HORIZON_DAYS):
            day = midnight + number * _DAY
            if day.weekday() not in self.days:
                continue
            opens, closes = (
                # Clocks that are put forward skip times. In UTC none is, and moments of one zone
                # are otherwise compared by what clocks show.
                (day + after).replace(tzinfo=moment.tzinfo).astimezone(datetime.timezone.utc)
                for after in (self.begins, self.ends)
            )
            if opens < closes:
                yield opens, closes


def parse(text: str) -> Window | None:
    """Return the window that a text such as ``Mon..Fri 22:00-06:00`` stands for.

    Days are written as systemd writes them: names, joined by commas, and ranges with two dots. A
    window that closes before it opens closes on the next day.

    Returns:
        The window; ``None`` for an empty text, which leaves all times open.

    Raises:
        ValueError: The text is none; the message says how one is written.
    """
    words = " ".join(text.split())
    if not words:
        return None
    match = _WORDS.fullmatch(words)
    if match is None:
        raise ValueError("such as 22:00-06:00 or Mon..Fri 22:00-06:00, or empty for any time")
    begins, ends = _time(match["begins"]), _time(match["ends"])
    if begins in (ends, _DAY):
        raise ValueError("a window that opens before it closes, such as 22:00-06:00")
    days = _days(match["days"]) if match["days"] else frozenset(range(len(_DAYS)))
    return Window(days, begins, ends if ends > begins else ends + _DAY)


def _time(text: str) -> datetime.timedelta:
    match = _TIME.fullmatch(text)
    after = match and datetime.timedelta(hours=int(match["hour"]), minutes=int(match["minute"]))
    if after is None or after > _DAY:
        raise ValueError(f"from a time to a time such as 22:00 ({text} is not a time)")
    return after


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dots, last = part.partition("..")
        begin, end = _day(first), _day(last if dots else first)
        days |= {each % len(_DAYS) for each in range(begin, end + 1 + len(_DAYS) * (end < begin))}
    return frozenset(days)


def _day(text: str) -> int:
    for number, name in enumerate(_DAYS):
        if text.lower() in (name, name[:3]):
            return number
    raise ValueError(f"on days such as Mon..Fri or Sat,Sun, not {text or 'nothing'}")
