"""Fetches the sources of elements, and writes the element that puts them into the image.

What is fetched is unpacked by that element, in the sandbox of the image.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import logging
import pathlib
import shlex
import shutil
from collections.abc import Iterator, Sequence

from ... import errors, model
from ...host import caches, locks, urls, web
from . import fetched_files, git_repositories, hooks, repositories

NAME = "fetched-sources"
DIRECTORY = "sources"
_LOG = logging.getLogger(__name__)

_OFFLINE = "DIB_OFFLINE"
_SCRIPT = """#!/bin/bash
set -eu
new() {
    if [ -e "$1" ]; then echo "$1 is in the image already" >&2; exit 1; fi
    mkdir --parents "$(dirname "$1")"
    echo "$1" >> /etc/dib-source-repositories
}
"""
_OF_GIT = """new {to}
mkdir {to}
cp --recursive {source}/git {to}/.git
tar --extract --no-same-owner --directory {to} --file {source}/tree.tar
"""
_OF_TAR = """new {to}
unpacked=$(mktemp --directory)
tar --extract --no-same-owner --directory "$unpacked" --file {source}/archive
mkdir {to}
for part in "$unpacked"/{ref}; do
    if [ -d "$part" ]; then cp --archive "$part/." {to}; fi
done
rm --recursive --force "$unpacked"
[ -n "$(ls -A {to})" ] || {{ echo "the archive of {to} has no directory "{quoted} >&2; exit 1; }}
"""
_OF_FILE = """new {to}
cp {source}/archive {to}
"""


def write(
    found: Sequence[repositories.Repository],
    request: model.BuildRequest,
    elements: pathlib.Path,
    into: pathlib.Path,
) -> None:
    """Fetch sources, and write the element that puts them in their places.

    Args:
        found: The sources.
        request: How to reach servers, and the operator's variables.
        elements: Directory of elements to write that element to.
        into: Directory that scripts see as :data:`DIRECTORY` of the library.

    Raises:
        errors.InputMissing: A source does not exist, or is not in the cache that alone counts.
        errors.Unavailable: A server does not answer as it should.
        errors.ConfigError: A source is too large.
    """
    element, script = elements / NAME, _SCRIPT
    (element / "extra-data.d").mkdir(parents=True)
    (element / "environment.d").mkdir()
    into.mkdir()
    packaged = [one for one in found if one.kind is repositories.Kind.PACKAGE]
    variables = "".join(f"export DIB_INSTALLTYPE_{one.key}=package\n" for one in packaged)
    (element / "environment.d/02-fetched-sources").write_text(variables, encoding="utf-8")
    fetched = [one for one in found if one not in packaged]
    for number, one in enumerate(fetched):
        place = into / str(number)
        place.mkdir()
        revision = _revision(one, request)
        _LOG.info("%s is at %s", one, revision)
        if one.kind is repositories.Kind.GIT:
            git_repositories.unpack(one, revision, _cached(one), place)
            text = _OF_GIT
        else:
            shutil.copyfile(_cached(one), place / "archive")
            text = _OF_TAR if one.kind is repositories.Kind.TAR else _OF_FILE
        script += text.format(
            to=shlex.quote(one.destination),
            source=f"{hooks.LIBRARY}/{DIRECTORY}/{number}",
            ref="*" if one.ref == "*" else shlex.quote(one.ref),
            quoted=shlex.quote(one.ref),
        )
    if any(one.kind is repositories.Kind.GIT for one in fetched):
        # Programs that build from a git repository ask git for its version.
        (element / "element-deps").write_text("package-installs\n", encoding="ascii")
        (element / "package-installs.yaml").write_text("git:\n", encoding="ascii")
    file = element / "extra-data.d/98-fetched-sources"
    file.write_text(script, encoding="utf-8")
    file.chmod(0o755)


def revisions(
    found: Sequence[repositories.Repository], request: model.BuildRequest
) -> dict[str, list[str]]:
    """Return what the sources of each element are at now, by its name.

    Raises:
        errors.RetrofitError: As :func:`write`.
    """
    told: dict[str, list[str]] = {}
    for one in found:
        if one.kind is not repositories.Kind.PACKAGE:
            told.setdefault(one.element, []).append(f"{one.name} {_revision(one, request)}")
    return told


def told(found: Sequence[repositories.Repository], request: model.BuildRequest) -> dict[str, str]:
    """Return where sources are and what they are at now, by their names, without logins.

    Raises:
        errors.RetrofitError: As :func:`write`.
    """
    return {
        one.name: f"{urls.without_user(one.location)} {_revision(one, request)}"
        for one in found
        if one.kind is not repositories.Kind.PACKAGE
    }


def _revision(one: repositories.Repository, request: model.BuildRequest) -> str:
    """Bring the cache up to date, and return the commit or the SHA-256 of a source.

    A command asks for each source once: what it planned is what it builds.
    """
    offline = bool(dict(request.environment).get(_OFFLINE))
    return _fetched(one, request.proxies, request.ca_certificate, offline)


@functools.cache
def _fetched(
    one: repositories.Repository, proxies: model.Proxies, ca_certificate: str, offline: bool
) -> str:
    access = web.Access(proxies, ca_certificate)
    cached = _cached(one)
    with _cache_held():
        if one.kind is repositories.Kind.GIT:
            if not offline:
                git_repositories.update(one, access, cached)
            found = git_repositories.revision(one, cached)
        else:
            if not offline:
                fetched_files.update(one, access, cached)
            found = fetched_files.revision(cached)
    if not found and not offline:
        raise errors.InputMissing(f"{one} has no {one.ref}", hint="correct the reference")
    if not found:
        raise errors.InputMissing(
            f"the cache has no {one.ref or 'copy'} of {one}, and {_OFFLINE} is set",
            hint=f"build once without {_OFFLINE}",
        )
    return found


def _directory() -> pathlib.Path:
    return caches.of_user() / DIRECTORY


def _cached(one: repositories.Repository) -> pathlib.Path:
    """Return where the cache has a source: by its place, without a login."""
    place = urls.without_user(one.location)
    digest = hashlib.sha256(f"{one.kind.value} {place}".encode()).hexdigest()
    return _directory() / f"{one.key}-{digest[:16]}"


@contextlib.contextmanager
def _cache_held() -> Iterator[None]:
    """Keep other builds out of the cache."""
    place = _directory()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with locks.held(place / ".lock", fcntl.LOCK_EX):
            yield
    except OSError as error:
        raise errors.OutputError(
            f"the cache {place} cannot be used: {error.strerror}",
            hint="set another directory in XDG_CACHE_HOME",
        ) from error
