"""Which release of Octavia a controller is, by its API, and an agent, by its package.

Each release of OpenStack adds versions to the API's list, or leaves it as it is; the newest
version listed was read from the releases' own packages.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

# OpenStack's names of the releases of Octavia.
_NAMES = {
    4: "Stein",
    5: "Train",
    6: "Ussuri",
    7: "Victoria",
    8: "Wallaby",
    9: "Xena",
    10: "Yoga",
    11: "Zed",
    12: "2023.1",
    13: "2023.2",
    14: "2024.1",
    15: "2024.2",
    16: "2025.1",
    17: "2025.2",
    18: "2026.1",
    19: "2026.2",
}
# The newest version of the API (v2.N) that a release lists, oldest release first.
_NEWEST = {
    4: 10,
    5: 13,
    6: 16,
    7: 23,
    8: 24,
    9: 24,
    10: 25,
    11: 26,
    12: 26,
    13: 27,
    14: 28,
    15: 28,
}
# Lists what later ones listed, too, when this was written.
_OPEN = 16


@dataclasses.dataclass(frozen=True)
class Span:
    """The releases that a controller may be.

    Attributes:
        first: The oldest.
        last: The newest; ``None`` where no later one is known to differ.
    """

    first: int
    last: int | None

    def __str__(self) -> str:
        if self.last is None:
            return f"{name(self.first)} or later"
        return (
            name(self.first)
            if self.first == self.last
            else f"{name(self.first)} or {name(self.last)}"
        )


def of_api(versions: Iterable[str]) -> Span | None:
    """Return which releases list these versions; ``None`` for what is no list of Octavia's."""
    minors = [
        int(number)
        for major, _, number in (each.partition(".") for each in versions)
        if major == "v2" and number.isdecimal()
    ]
    if not minors:
        return None
    newest = max(minors)
    fitting = [release for release, listed in _NEWEST.items() if listed == newest]
    if fitting:
        return Span(fitting[0], fitting[-1])
    if newest > max(_NEWEST.values()):
        return Span(_OPEN, None)
    # One of a release's preparation: it is at most the first that lists more.
    later = next(release for release, listed in _NEWEST.items() if listed > newest)
    return Span(later, later)


def of_package(version: str) -> int | None:
    """Return the release of an agent by its package's version, such as ``1:14.0.0-0ubuntu1``."""
    major = version.rpartition(":")[2].partition(".")[0]
    return int(major) if major.isdecimal() else None


def name(release: int) -> str:
    """Return a release with OpenStack's name of it."""
    return f"{release} ({_NAMES[release]})" if release in _NAMES else str(release)
