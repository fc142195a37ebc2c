"""The archives that a system of Debian or Ubuntu is installed from."""

from __future__ import annotations

import dataclasses
import platform

from ... import errors
from ...host import process, web
from . import debian_systems, snapshots

_APT_TIMEOUT_S = 60.0
_POCKETS = ("-updates", "-security", "")


@dataclasses.dataclass(frozen=True)
class Archive:
    """A suite of a mirror.

    Attributes:
        url: Base URL of the mirror.
        suite: Name of the suite.
        components: Its components, separated by blanks.
        pinned: Whether it is a snapshot, whose index says that it is out of date.
    """

    url: str
    suite: str
    components: str
    pinned: bool = False

    def line(self, keyring: str = "") -> str:
        """Return its line of sources.list(5), with the file of its keys."""
        options = [f"signed-by={keyring}"] if keyring else []
        if self.pinned:
            options.append("check-valid-until=no")
        words = f"[{' '.join(options)}] " if options else ""
        return f"deb {words}{self.url} {self.suite} {self.components}"

    def stanza(self, keyring: str) -> str:
        """Return the same for a file of deb822."""
        until = "Check-Valid-Until: no\n" if self.pinned else ""
        return (
            f"Types: deb\nURIs: {self.url}\nSuites: {self.suite}\n"
            f"Components: {self.components}\nSigned-By: {keyring}\n{until}"
        )


def of_release(
    distribution: str,
    release: str,
    mirror: str,
    snapshot: str = "",
    access: web.Access = web.Access(),  # noqa: B008 -- frozen
) -> list[Archive]:
    """Return the suites that a base image is made of.

    Args:
        distribution: ``debian`` or ``ubuntu``.
        release: Series, such as ``bookworm``.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        snapshot: Identifier of the snapshots to take; empty takes the present.
        access: How mirrors are asked where their snapshots are.

    Raises:
        errors.ConfigError: No mirror of the distribution is known, or it has no snapshots.
        errors.RetrofitError: A mirror does not answer.
    """
    about = debian_systems.DISTRIBUTIONS[distribution]
    if mirror:
        url = mirror.rstrip("/")
        found = [Archive(url, release + pocket, about.components) for pocket in about.pockets]
    else:
        found = _host_archives(distribution, release, about.components)
    if not snapshot:
        return found
    return [
        dataclasses.replace(
            one, url=snapshots.of(one.url, one.suite, snapshot, access), pinned=True
        )
        for one in found
    ]


def _host_archives(distribution: str, release: str, components: str) -> list[Archive]:
    """Find mirrors of a distribution among the sources of this system's apt.

    Raises:
        errors.ConfigError: There are none.
    """
    completed = process.run(
        ["apt-get", "indextargets", "--format"]
        + ["$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        timeout_s=_APT_TIMEOUT_S,
    )
    series = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found: list[Archive] = []
    for line in completed.stdout.splitlines():
        origin, url, suite, component = line.split("|")
        pocket = suite.removeprefix(series)
        # Origin is empty as long as apt has fetched no index.
        ours = origin.lower() in ("", distribution) and f"/{distribution}" in url
        archive = Archive(url.rstrip("/"), release + pocket, components)
        if ours and pocket in _POCKETS and component == "main" and archive not in found:
            found.append(archive)
    if not found:
        raise errors.ConfigError(
            f"this system's apt sources have no mirror of {distribution}",
            hint="set a mirror with --mirror",
        )
    return found
