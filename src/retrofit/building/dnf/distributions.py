"""Where distributions of the Red Hat family have their repositories below a mirror."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ... import errors, model
from ...model import releases


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository of a distribution.

    Attributes:
        name: What its own files call it.
        path: Where it is below a mirror, with dnf's variables.
        needed: Whether every system of the distribution has it.
    """

    name: str
    path: str
    needed: bool = True


# As their own repository files have it: fedora-repos, centos-stream-repos, rocky-repos. Those of
# RHEL belong to a subscription, and lie nowhere in particular.
_REPOSITORIES: Mapping[str, tuple[Repository, ...]] = {
    "centos": (
        Repository("baseos", "{series}/BaseOS/$basearch/os/"),
        Repository("appstream", "{series}/AppStream/$basearch/os/"),
        Repository("extras-common", "SIGs/{series}/extras/$basearch/extras-common/", needed=False),
    ),
    "fedora": (
        Repository("fedora", "releases/$releasever/Everything/$basearch/os/"),
        Repository("updates", "updates/$releasever/Everything/$basearch/"),
    ),
    "rocky": (
        Repository("baseos", "{series}/BaseOS/$basearch/os/"),
        Repository("appstream", "{series}/AppStream/$basearch/os/"),
        Repository("extras", "{series}/extras/$basearch/os/", needed=False),
    ),
}


def urls(mirror: str, release: model.Release) -> dict[str, str]:
    """Return the URLs of a distribution's repositories on a mirror, by their names.

    Args:
        mirror: Base URL.
        release: The distribution and its series.

    Raises:
        errors.ConfigError: A URL alone does not say where its repositories are.
    """
    known = _REPOSITORIES.get(release.distribution)
    if known is None:
        raise errors.ConfigError(
            f"a URL does not say where the repositories of {release.distribution} are",
            hint="give complete repositories in place of the mirror, each beginning with [name]",
        )
    series = releases.short(release.series)
    return {one.name: f"{mirror.rstrip('/')}/{one.path.format(series=series)}" for one in known}


def needed(release: model.Release) -> set[str]:
    """Return the names of the repositories that every system of a distribution has."""
    return {one.name for one in _REPOSITORIES.get(release.distribution, ()) if one.needed}
