"""The archives that a system of Debian or Ubuntu is installed from."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import platform
import re

from ... import errors
from ...host import process, web
from ...model import architectures
from . import debian_systems, snapshots, usual_mirrors

_LOG = logging.getLogger(__name__)

_APT_TIMEOUT_S = 60.0
_POCKETS = ("-updates", "-security", "")
_SCHEMES = ("http://", "https://")
_MIRROR_LIST = re.compile(r"mirror\+file:(?://)?(?P<path>/.+?)/*")


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
    architecture: str,
    mirror: str = "",
    snapshot: str = "",
    access: web.Access = web.Access(),  # noqa: B008 -- frozen
) -> list[Archive]:
    """Return the suites that a base image is made of.

    Args:
        distribution: ``debian`` or ``ubuntu``.
        release: Series, such as ``bookworm``.
        architecture: By Debian's name.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt, and if it
            has none of this distribution, the distribution's own archive.
        snapshot: Identifier of the snapshots to take; empty takes the present.
        access: How mirrors are asked where their snapshots are.

    Raises:
        errors.ConfigError: No mirror of the distribution is known, or it has no snapshots.
        errors.RetrofitError: A mirror does not answer.
    """
    about = debian_systems.DISTRIBUTIONS[distribution]
    found: list[Archive] = []
    if not mirror:
        found = _host_archives(distribution, release, architecture, about.components)
    if not found:
        url = (mirror or _usual(distribution, architecture)).rstrip("/")
        found = [Archive(url, release + pocket, about.components) for pocket in about.pockets]
    if not snapshot:
        return found
    return [
        dataclasses.replace(
            one, url=snapshots.of(one.url, one.suite, snapshot, access), pinned=True
        )
        for one in found
    ]


def first_mirror(uri: str) -> str:
    """Return the first mirror of a list in a file; of other sources, what is given.

    Debian's cloud images have such lists (apt-transport-mirror(1)).
    """
    named = _MIRROR_LIST.fullmatch(uri)
    if named is None:
        return uri
    try:
        lines = pathlib.Path(named["path"]).read_text(encoding="utf-8").splitlines()
    except OSError:
        return uri
    # Behind the URL there may be a tabulator and what the mirror is for.
    return next((line.split()[0] for line in lines if line.startswith(_SCHEMES)), uri)


def _usual(distribution: str, architecture: str) -> str:
    """Return the distribution's own archive.

    Raises:
        errors.ConfigError: It is not known.
    """
    url = usual_mirrors.of(distribution, architecture)
    if not url:
        raise errors.ConfigError(
            f"this system's apt sources have no mirror of {distribution} for {architecture}",
            hint="set a mirror with --mirror",
        )
    _LOG.info(
        "this system's apt sources have no mirror of %s for %s: %s is used",
        *(distribution, architecture, url),
    )
    return url


def _host_archives(
    distribution: str, release: str, architecture: str, components: str
) -> list[Archive]:
    """Find mirrors of a distribution among the sources of this system's apt."""
    own_architecture = architectures.debian_architecture(platform.machine())
    usual = usual_mirrors.of(distribution, own_architecture)
    elsewhere = usual_mirrors.of(distribution, architecture) != usual
    completed = process.run(
        ["apt-get", "indextargets", "--format"]
        + ["$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        timeout_s=_APT_TIMEOUT_S,
    )
    series = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found: list[Archive] = []
    for line in completed.stdout.splitlines():
        origin, uri, suite, component = line.split("|")
        url = first_mirror(uri).rstrip("/")
        pocket = suite.removeprefix(series)
        # Origin is empty as long as apt has fetched no index.
        ours = origin.lower() in ("", distribution) and f"/{distribution}" in url
        # The archive of this machine's architecture has no other one with it.
        lacks_it = elsewhere and _without_scheme(url) == _without_scheme(usual)
        archive = Archive(url, release + pocket, components)
        wanted = ours and not lacks_it and pocket in _POCKETS and component == "main"
        if wanted and url.startswith(_SCHEMES) and archive not in found:
            found.append(archive)
    return found


def _without_scheme(url: str) -> str:
    return url.partition("//")[2]
