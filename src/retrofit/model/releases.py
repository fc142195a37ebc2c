"""Series of distributions: Ubuntu's and Debian's from the tables of distro-info.

Those of the Red Hat family have a number and no table. Their names here are those of their
distribution, too, as a number alone says nothing: ``fedora-42``, ``centos-10-stream``,
``rocky-10``, ``rhel-10``.
"""

from __future__ import annotations

import datetime
import re

import distro_info

from .. import errors

# The first series whose systemd and apt the engine knows; a kind of image may begin later.
FIRST = {
    "ubuntu": "focal",
    "debian": "bookworm",
    "centos": "centos-9-stream",
    "fedora": "fedora-40",
    "rhel": "rhel-9",
    "rocky": "rocky-9",
}
# Distributions with rpm and dnf.
RED_HAT = ("centos", "fedora", "rhel", "rocky")
_OF_RED_HAT = re.compile(
    rf"(?P<distribution>{'|'.join(RED_HAT)})-(?P<number>[0-9]{{1,3}})(?P<stream>-stream)?"
)
# CentOS has been nothing but the stream since 8.
_STREAM = "centos"


def _table(distribution: str) -> distro_info.DistroInfo:
    tables = {"ubuntu": distro_info.UbuntuDistroInfo, "debian": distro_info.DebianDistroInfo}
    try:
        return tables[distribution]()
    except KeyError:
        raise errors.ConfigError(
            f"the distribution {distribution!r} is not known", hint="known: debian, ubuntu"
        ) from None


def distribution_of(series: str) -> str:
    """Return the distribution of a series; Ubuntu's, where nothing is known of it."""
    found = _OF_RED_HAT.fullmatch(series)
    if found is not None:
        return found["distribution"]
    return "debian" if is_known("debian", series) else "ubuntu"


def series_of(distribution: str, version: str, code_name: str) -> str:
    """Return the series of a system by its os-release.

    Args:
        distribution: ``ID``.
        version: ``VERSION_ID``.
        code_name: ``VERSION_CODENAME``, which says nothing about the Red Hat family.
    """
    if distribution not in RED_HAT:
        return code_name
    number = version.partition(".")[0]
    return f"{distribution}-{number}" + ("-stream" if distribution == _STREAM else "")


def short(series: str) -> str:
    """Return what diskimage-builder calls a series: ``10-stream``, ``42``, ``noble``."""
    found = _OF_RED_HAT.fullmatch(series)
    return series if found is None else f"{found['number']}{found['stream'] or ''}"


def is_since(series: str, first: str) -> bool:
    """Tell whether a series is one that exists, and none before ``first`` of its distribution."""
    found, least = _OF_RED_HAT.fullmatch(series), _OF_RED_HAT.fullmatch(first)
    if found is None or least is None:
        known = _table(distribution_of(first)).all if found is least else ()
        return series in known and known.index(series) >= known.index(first)
    same = (found["distribution"], found["stream"]) == (least["distribution"], least["stream"])
    return same and int(found["number"]) >= int(least["number"])


def is_known(distribution: str, series: str) -> bool:
    """Tell whether a distribution has a series of that name."""
    if distribution in RED_HAT:
        return series_of(distribution, short(series).partition("-")[0], "") == series
    return series in _table(distribution).all


def is_supported(series: str) -> bool:
    """Tell whether images of a series can be retrofitted.

    Series that came out since distro-info's tables were installed are not known and thus not
    supported: updating the package distro-info-data makes them so.
    """
    return is_since(series, FIRST[distribution_of(series)])


def supported(distribution: str) -> str:
    """Return which series of a distribution can be retrofitted, for people."""
    return f"{FIRST[distribution]} and later releases"


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
    found = _OF_RED_HAT.fullmatch(series)
    if found is not None:
        return found["number"]
    check(distribution, series)
    return str(_table(distribution).version(series)).removesuffix(" LTS")


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
