"""Where the agent of an image comes from, in pip's notation, as variables for elements."""

from __future__ import annotations

import pathlib
import re
import urllib.parse

from .. import errors, recipes
from ..host import urls

# The word for the packages of the distribution, which is the default.
PACKAGES = "packages"
_GIT = "git+"
_RELEASE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!_-]+)")
# The branch that the server has by default.
_ANY_REF = "*"


def variables(
    recipe: str, source: str, constraints: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the elements that install an agent, and their variables.

    Args:
        recipe: Name of the recipe that has the agent.
        source: ``packages`` or nothing; ``git+URL@REF``; a directory with a git repository; file
            or URL of a source distribution; or ``NAME==VERSION`` of the package index.
        constraints: File or URL of versions for pip; empty for none.

    Raises:
        errors.ConfigError: The recipe has no agent, or the source cannot be read.
        errors.InputMissing: A file does not exist.
    """
    if source in ("", PACKAGES):
        if constraints:
            raise errors.ConfigError(
                "agent-constraints has no effect for an agent from packages",
                hint="set a source of the agent, or remove it",
            )
        return (), {}
    agent = recipes.get(recipe).agent
    if agent is None:
        raise errors.ConfigError(
            f"the recipe {recipe} has no agent, but a source of it is given", hint="remove agent"
        )
    kind, location, ref = _parsed(source)
    found = {
        f"DIB_INSTALLTYPE_{agent.source}": "source",
        f"DIB_REPOTYPE_{agent.source}": kind,
        f"DIB_REPOLOCATION_{agent.source}": location,
        f"DIB_REPOREF_{agent.source}": ref,
    }
    if constraints:
        found[f"DIB_INSTALLTYPE_{agent.constraints}"] = "source"
        found[f"DIB_REPOLOCATION_{agent.constraints}"] = (
            constraints if _is_remote(constraints) else str(_existing(constraints))
        )
    return (agent.element,), found


def below(directory: pathlib.Path, place: str) -> str:
    """Return a source or constraints, a path taken as one from a directory."""
    if not place or place == PACKAGES or _is_remote(place) or _RELEASE.fullmatch(place):
        return place
    return str(directory / place)


def _parsed(source: str) -> tuple[str, str, str]:
    """Return type, location and reference of a source, as elements name it."""
    release = _RELEASE.fullmatch(source)
    if release:
        return "tar", f"pypi://{release[1]}/{release[2]}", _ANY_REF
    if source.startswith(_GIT):
        parts = urllib.parse.urlsplit(source.removeprefix(_GIT))
        if not parts.scheme or not parts.path.strip("/"):
            raise errors.ConfigError(
                f"wrong source of the agent {urls.without_user(source)!r}",
                hint="write git+URL@REF, such as git+https://opendev.org/openstack/octavia@master",
            )
        # A user name stands before the path.
        path, at, ref = parts.path.rpartition("@")
        place = parts._replace(path=path) if at else parts
        return "git", urllib.parse.urlunsplit(place), ref if at else _ANY_REF
    if _is_remote(source):
        return "tar", source, _ANY_REF
    path_here = _existing(source)
    if path_here.is_file():
        return "tar", str(path_here), _ANY_REF
    if not (path_here / ".git").exists():
        raise errors.ConfigError(
            f"the directory {path_here} of the agent is not a git repository",
            hint="give a git repository or the file of a source distribution",
        )
    return "git", str(path_here), _ANY_REF


def _is_remote(place: str) -> bool:
    return "://" in place


def _existing(place: str) -> pathlib.Path:
    path = pathlib.Path(place).absolute()
    if not path.exists():
        raise errors.InputMissing(
            f"the agent's {path} does not exist",
            hint="write packages, git+URL@REF, NAME==VERSION, a path or a URL",
        )
    return path
