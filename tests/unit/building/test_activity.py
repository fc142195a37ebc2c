"""What is told of a build's elements while they run."""

from __future__ import annotations

import pytest

from retrofit.building import activity

# As apt-get and dpkg print it, in a script of diskimage-builder that puts signs in front.
_OUTPUT = """\
> 2 upgraded, 3 newly installed, 0 to remove and 7 not upgraded.
> Get:1 file:/etc/apt/mirrors/debian.list Mirrorlist [29 B]
> Get:2 http://deb.example/debian trixie/main amd64 haproxy amd64 3.0.11-1 [2,563 kB]
> Get:3 http://deb.example/debian trixie/main amd64 ipvsadm amd64 1:1.31-5 [60.2 kB]
> Selecting previously unselected package haproxy.
> Unpacking haproxy (3.0.11-1) ...
> Setting up haproxy (3.0.11-1) ...
> Unpacking ipvsadm (1:1.31-5) over (1:1.31-4) ...
> Setting up ipvsadm (1:1.31-5) ...
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time as the only item of a list."""
    now = [0.0]
    monkeypatch.setattr(activity.time, "monotonic", lambda: now[0])  # type: ignore[attr-defined]
    return now


def test_packages_done_of_all(clock: list[float]) -> None:
    told: list[str] = []
    doing = activity.Activity(told.append)

    doing.begins("install.d/01-package-installs")
    for line in _OUTPUT.splitlines():
        clock[0] += 2
        doing.line(line)

    assert told == [
        "install.d/01-package-installs",
        "install.d/01-package-installs: 1 of 5 packages fetched",
        "install.d/01-package-installs: 2 of 5 packages fetched",
        "install.d/01-package-installs: 1 of 5 packages unpacked",
        "install.d/01-package-installs: 1 of 5 packages set up",
        "install.d/01-package-installs: 1 of 5 packages set up",
        "install.d/01-package-installs: 2 of 5 packages set up",
    ]


def test_many_lines_tell_once_a_second_and_every_script(clock: list[float]) -> None:
    told: list[str] = []
    doing = activity.Activity(told.append)

    doing.begins("one")
    doing.line("0 upgraded, 900 newly installed, 0 to remove and 0 not upgraded.")
    for number in range(900):
        clock[0] += 1 / 16
        doing.line(f"Setting up package-{number} (1) ...")
    doing.begins("another")
    doing.line("Setting up nothing that was planned (1) ...")

    assert len(told) == 2 + 56
    assert told[-2:] == ["one: 896 of 900 packages set up", "another"]
