"""Which release of Octavia a controller is: read from the versions that releases list."""

import pytest

from retrofit.rollout import controller_releases


def _listed(newest: int) -> list[str]:
    return ["v1", *(f"v2.{minor}" for minor in range(newest + 1))]


@pytest.mark.parametrize(
    ("newest", "says"),
    [
        (13, "5 (Train)"),
        (24, "8 (Wallaby) or 9 (Xena)"),
        (25, "10 (Yoga)"),
        (26, "11 (Zed) or 12 (2023.1)"),
        (28, "14 (2024.1) or 15 (2024.2)"),
        (30, "16 (2025.1) or later"),
        (47, "16 (2025.1) or later"),
        # No release listed just these, but one that was on its way.
        (20, "7 (Victoria)"),
        (2, "4 (Stein)"),
    ],
)
def test_the_newest_version_tells_the_release(newest: int, says: str):
    assert str(controller_releases.of_api(_listed(newest))) == says


def test_a_list_of_another_service_tells_nothing():
    assert controller_releases.of_api(["v3.14", "v1"]) is None


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("11.0.0-2", 11),
        ("1:14.0.0-0ubuntu1", 14),
        ("16.0.1~git2025-0ubuntu1~cloud0", 16),
        ("git", None),
    ],
)
def test_the_agent_s_package_tells_its_release(version: str, release: int | None):
    assert controller_releases.of_package(version) == release


def test_a_release_that_is_not_known_has_its_number():
    assert controller_releases.name(99) == "99"
