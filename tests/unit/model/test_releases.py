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
        ("ubuntu", "nobel", False),
        ("ubuntu", "", False),
        ("fedora", "fedora-39", False),
        ("fedora", "fedora-42", True),
        ("centos", "centos-10-stream", True),
        ("ubuntu", "centos-10-river", False),
        ("centos", "centos-10", False),
        ("rocky", "rocky-8", False),
        ("rocky", "rocky-10", True),
        ("rocky", "rocky-10-stream", False),
        ("rhel", "rhel-9", True),
        ("ubuntu", "10-stream", False),
    ],
)
def test_supported_series(distribution: str, series: str, supported: bool) -> None:
    assert releases.distribution_of(series) == distribution
    assert releases.is_supported(series) is supported


@pytest.mark.parametrize(
    ("distribution", "version", "series", "short"),
    [
        ("centos", "10", "centos-10-stream", "10-stream"),
        ("fedora", "42", "fedora-42", "42"),
        ("rocky", "10.1", "rocky-10", "10"),
        ("rhel", "9.6", "rhel-9", "9"),
    ],
)
def test_series_of_the_red_hat_family(
    distribution: str, version: str, series: str, short: str
) -> None:
    assert releases.series_of(distribution, version, "") == series
    assert releases.short(series) == short
    assert releases.version(distribution, series) == version.partition(".")[0]
    assert releases.is_known(distribution, series)
    assert not releases.is_known("fedora" if distribution != "fedora" else "rhel", series)


def test_a_series_that_does_not_exist_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="ubuntu has no series 'nobel'; correct"):
        releases.check("ubuntu", "nobel")
    releases.check("ubuntu", "noble")


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="distribution 'gentoo' is not known"):
        releases.check("gentoo", "2.15")


def test_versions_are_numbers() -> None:
    assert releases.version("ubuntu", "noble") == "24.04"
    assert releases.version("debian", "bookworm") == "12"


def test_the_newest_lts_has_an_even_year_and_april() -> None:
    year, month = releases.version("ubuntu", releases.newest_lts()).split(".")
    assert int(year) % 2 == 0
    assert int(year) >= 24
    assert month == "04"
