"""Maintenance windows: how they are written, and when they open."""

from __future__ import annotations

import datetime
import re
import zoneinfo

import hypothesis
import pytest
from hypothesis import strategies

from options import window

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def _opening(text: str, moment: str, zone: datetime.tzinfo = datetime.UTC) -> str:
    """Return when a window opens next, as clocks in the zone show it; 2026-11-21 is a Saturday."""
    parsed = window.parse(text)
    assert parsed is not None
    then = datetime.datetime.strptime(moment, "%Y-%m-%d %H:%M").replace(tzinfo=zone)
    return f"{parsed.opening(then).astimezone(zone):%a %d %H:%M}"


@pytest.mark.parametrize(
    ("text", "moment", "opening"),
    [
        pytest.param("22:00-06:00", "2026-11-21 12:00", "Sat 21 22:00", id="before"),
        pytest.param("22:00-06:00", "2026-11-21 22:00", "Sat 21 22:00", id="as it opens"),
        pytest.param("22:00-06:00", "2026-11-22 05:59", "Sun 22 05:59", id="over midnight"),
        pytest.param("22:00-06:00", "2026-11-22 06:00", "Sun 22 22:00", id="as it closes"),
        pytest.param("01:00-02:30", "2026-11-21 03:00", "Sun 22 01:00", id="tomorrow"),
        pytest.param("Mon..Fri 22:00-06:00", "2026-11-21 05:00", "Sat 21 05:00", id="of Friday"),
        pytest.param("Mon..Fri 22:00-06:00", "2026-11-21 06:00", "Mon 23 22:00", id="weekend"),
        pytest.param("Sat,Sun 00:00-24:00", "2026-11-22 23:59", "Sun 22 23:59", id="whole days"),
        pytest.param("Sat,Sun 00:00-24:00", "2026-11-23 00:00", "Sat 28 00:00", id="next week"),
        pytest.param("Fri..Mon 1:00-2:00", "2026-11-21 00:00", "Sat 21 01:00", id="wraps"),
        pytest.param("sunday 20:00-00:00", "2026-11-21 00:00", "Sun 22 20:00", id="full name"),
    ],
)
def test_opens(text: str, moment: str, opening: str) -> None:
    assert _opening(text, moment) == opening


@pytest.mark.parametrize(
    ("text", "moment", "opening"),
    [
        # 02:00 is put forward to 03:00 on 2026-03-29, and 03:00 back to 02:00 on 2026-10-25.
        pytest.param("02:10-02:50", "2026-03-29 00:30", "Sun 29 03:10", id="skipped"),
        pytest.param("02:30-03:10", "2026-03-29 00:30", "Mon 30 02:30", id="left out"),
        pytest.param("01:30-04:00", "2026-03-29 03:59", "Sun 29 03:59", id="shorter"),
        pytest.param("22:00-06:00", "2026-10-25 05:59", "Sun 25 05:59", id="longer"),
        pytest.param("04:00-05:00", "2026-10-25 00:00", "Sun 25 04:00", id="after it"),
    ],
)
def test_goes_by_the_clocks_of_the_zone(text: str, moment: str, opening: str) -> None:
    assert _opening(text, moment, BERLIN) == opening


@hypothesis.given(
    seconds=strategies.integers(0, 2 * 365 * 24 * 60 * 60),
    begins=strategies.times(),
    ends=strategies.times(),
    day=strategies.sampled_from(["", "Mon ", "Sat,Sun ", "Tue..Thu "]),
)
def test_what_opens_is_open(
    seconds: int, begins: datetime.time, ends: datetime.time, day: str
) -> None:
    hypothesis.assume((begins.hour, begins.minute) != (ends.hour, ends.minute))
    parsed = window.parse(f"{day}{begins:%H:%M}-{ends:%H:%M}")
    assert parsed is not None
    moment = (START + datetime.timedelta(seconds=seconds)).astimezone(BERLIN)

    opening = parsed.opening(moment)

    assert moment <= opening
    assert parsed.opening(opening.astimezone(BERLIN)) == opening
    assert opening - moment < datetime.timedelta(days=15)


def test_empty_is_always() -> None:
    assert window.parse(" ") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("night", "such as 22:00-06:00 or Mon..Fri 22:00-06:00"),
        ("22-06", "such as 22:00 (22 is not a time)"),
        ("22:00-25:00", "such as 22:00 (25:00 is not a time)"),
        ("22:60-23:00", "such as 22:00 (22:60 is not a time)"),
        ("22:00-24:30", "such as 22:00 (24:30 is not a time)"),
        ("22:00-22:00", "opens before it closes"),
        ("24:00-06:00", "opens before it closes"),
        ("Mo-Fr 22:00-06:00", "such as"),
        ("Mon..Fre 22:00-06:00", "Sat,Sun, not Fre"),
        ("Mon, 22:00-06:00", "Sat,Sun, not nothing"),
        ("Mon 22:00-06:00 UTC", "such as"),
    ],
)
def test_says_how_one_is_written(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        window.parse(text)

    assert "\n" not in str(refused.value)
