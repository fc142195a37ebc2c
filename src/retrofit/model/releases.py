"""Series of Ubuntu and Debian, from the tables of distro-info."""

from __future__ import annotations

import datetime

import distro_info

from .. import errors

# The first series whose systemd and apt the engine knows; a kind of image may begin later.
_FIRST = {"ubuntu": "focal", "debian": "bookworm"}


def _table(distribution: str) -> distro_info.DistroInfo:
    tables = {"ubuntu": distro_info.UbuntuDistroInfo, "debian": distro_info.DebianDistroInfo}
    try:
        return tables[distribution]()
    except KeyError:
        raise errors.ConfigError(
            f"the distribution {distribution!r} is not known", hint="known: debian, ubuntu"
        ) from None


def is_known(distribution: str, series: str) -> bool:
    """Tell whether a distribution has a series of that name."""
    return series in _table(distribution).all


def is_supported(distribution: str, series: str) -> bool:
    """Tell whether images of a series can be retrofitted.

    Series that came out since distro-info's tables were installed are not known and thus not
    supported: updating the package distro-info-data makes them so.
    """
    return series in supported(distribution)


def supported(distribution: str) -> tuple[str, ...]:
    """Return the series of which images can be retrofitted, oldest first."""
    return since(distribution, _FIRST[distribution]) if distribution in _FIRST else ()


def since(distribution: str, first: str) -> tuple[str, ...]:
    """Return the series of a distribution from ``first`` on, oldest first."""
    known = _table(distribution).all
    return tuple(known[known.index(first) :])


def check(distribution: str, series: str) -> None:
    """Refuse the name of a series that does not exist.

    Raises:
        errors.ConfigError: There is no such series, or no such distribution.
    """
    if not is_known(distribution, series):
        raise errors.ConfigError(
            f"{distribution} has no series {series!r}",
            hint="correct the name, or update the package distro-info-data if it is new",
        )


def newest_lts() -> str:
    """Return the series of Ubuntu's newest long-term support release that is out."""
    return str(_table("ubuntu").lts(_today()))


def newest_stable() -> str:
    """Return the series of Debian's stable release."""
    return str(_table("debian").stable(_today()))


def version(distribution: str, series: str) -> str:
    """Return the version number of a series, such as ``24.04``.

    Raises:
        errors.ConfigError: There is no such series.
    """
    check(distribution, series)
    return str(_table(distribution).version(series)).removesuffix(" LTS")


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
