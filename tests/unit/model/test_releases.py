"""Names of series."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.model import releases


@pytest.mark.parametrize(
    ("distribution", "series", "supported"),
    [
        ("ubuntu", "bionic", False),
        ("ubuntu", "focal", True),
        ("ubuntu", "jammy", True),
        ("ubuntu", "noble", True),
        ("debian", "bullseye", False),
        ("debian", "bookworm", True),
        ("debian", "noble", False),
        ("ubuntu", "", False),
        ("fedora", "40", False),
    ],
)
def test_supported_series(distribution: str, series: str, supported: bool) -> None:
    assert releases.is_supported(distribution, series) is supported


def test_a_series_that_does_not_exist_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="ubuntu has no series 'nobel'; correct"):
        releases.check("ubuntu", "nobel")
    releases.check("ubuntu", "noble")


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="distribution 'fedora' is not known"):
        releases.check("fedora", "40")


def test_versions_are_numbers() -> None:
    assert releases.version("ubuntu", "noble") == "24.04"
    assert releases.version("debian", "bookworm") == "12"


def test_the_newest_lts_has_an_even_year_and_april() -> None:
    year, month = releases.version("ubuntu", releases.newest_lts()).split(".")
    assert int(year) % 2 == 0
    assert int(year) >= 24
    assert month == "04"
