"""Which operating systems would do for what is wanted."""

from __future__ import annotations

import platform

from ..model import releases
from . import selection


def candidates(series: str, architecture: str) -> tuple[selection.Candidate, ...]:
    """Return the operating systems to look for, best first.

    Args:
        series: Series, such as ``noble``; empty takes Ubuntu's newest LTS, or
            else the series of this machine.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.

    Raises:
        errors.ConfigError: There is no series of that name.
    """
    if series:
        systems = [(releases.distribution_of(series), series)]
    else:
        systems = [("ubuntu", releases.newest_lts())]
        here = platform.freedesktop_os_release()
        own = (here["ID"], here.get("VERSION_CODENAME", ""))
        known = releases.distribution_of(own[1]) == own[0]
        if own not in systems and known and releases.is_supported(own[1]):
            systems.append(own)
    return tuple(
        selection.Candidate(
            distribution,
            releases.version(distribution, name),
            name,
            architecture or platform.machine(),
        )
        for distribution, name in systems
    )
