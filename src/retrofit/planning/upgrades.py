"""Which packages of a published image its archives have newer by now: no build, no boot.

The host's apt or dnf is asked, with the image's sources, pins, keys and manifest
(:mod:`retrofit.building.archives.private`, :mod:`retrofit.building.dnf.private`);
docs/explanation/package-reasons.md says what it cannot see.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import logging
import os
import pathlib
import shutil
import time
from collections.abc import Hashable, Iterator, Sequence

from .. import errors, model
from ..building.archives import policy, private, recording
from ..building.dnf import private as dnf_private
from ..host import caches, locks
from ..model import releases
from ..provenance import description

_LOG = logging.getLogger(__name__)

Upgrade = policy.Upgrade

# Images of one recipe share their archives; each set of lists has some 100 MiB.
_KEPT = 8


@dataclasses.dataclass(frozen=True)
class _Question:
    """What is asked: what an image was made of, its packages, what runs in it, and how to ask."""

    settings: model.ArchiveSettings
    packages: Sequence[model.Package]
    release: model.Release
    request: model.BuildRequest


class Inquiry:
    """What one command asks of archives: of each its lists once, though many images share it."""

    def __init__(self) -> None:
        # ``None`` for archives that answered.
        self._refusals: dict[Hashable, errors.RetrofitError | None] = {}

    def find(
        self,
        record: description.Record,
        request: model.BuildRequest,
        cache: pathlib.Path | None,
    ) -> tuple[Upgrade, ...]:
        """Return the packages of an image that a build would upgrade now.

        Args:
            record: What the image says of itself. The dependencies of its packages do not stand
                there, so versions are compared by apt's policy; what the image's own build left,
                for dependencies or because it was held, is left out here, too, in that version.
            request: What a build would be asked for: its mirrors take the place of those of the
                record, and its proxies and certificates are used.
            cache: Directory in which lists are kept, so that next time only newer ones are
                fetched; ``None`` for the one that builds share. Calls with the same archives wait
                for each other.

        Returns:
            Sorted by name and architecture.

        Raises:
            errors.ImageError: The image does not say where its packages come from, as one of an
                earlier version does not: nothing is known about them then.
            errors.ConfigError: An archive has no such suite, or its key is not known.
            errors.Unavailable: An archive does not answer as it should, or did not before.
            errors.OutputError: The cache cannot be written.
        """
        settings = record.provenance.archives
        if settings is None:
            raise errors.ImageError(
                f"the image {record.image.id} has no record of the archives of its packages",
                hint="build the image again: new images have this information",
            )
        release = model.Release(**record.provenance.system.model_dump())
        started = time.monotonic()
        name = _name(settings, release, request)
        archives = (name, request.archives, request.proxies, request.ca_certificate)
        question = _Question(settings, record.packages, release, request)
        with _kept(cache or caches.of_builds(), name) as place:
            found = self._ask(place, archives, question)
        left = dict(settings.left)
        newer = tuple(
            one
            for one in found
            if left.get(policy.label(one, release.architecture)) != one.candidate
        )
        _LOG.info(
            "%d newer packages than in %s, asked in %.1f s",
            len(newer),
            record.image.id,
            time.monotonic() - started,
        )
        return newer

    def _ask(
        self, place: pathlib.Path, archives: Hashable, question: _Question
    ) -> tuple[policy.Upgrade, ...]:
        """Ask archives, but for those that refused before: what is wrong is so for all images."""
        refusal = self._refusals.get(archives)
        if refusal is not None:
            raise refusal
        try:
            if question.release.distribution in releases.RED_HAT:
                found = _by_dnf(place, question)
            else:
                known = archives in self._refusals
                found = _by_apt(place, question, lists_are_new=known)
        except errors.RetrofitError as error:
            self._refusals[archives] = error
            raise
        self._refusals[archives] = None
        return found


def _by_apt(
    place: pathlib.Path, asked: _Question, *, lists_are_new: bool
) -> tuple[policy.Upgrade, ...]:
    """Ask the host's apt."""
    # The lists used longest ago make room for others.
    lists_are_new = lists_are_new and (place / "lists").is_dir()
    with private.configured(
        place, asked.settings, asked.packages, asked.release, asked.request
    ) as apt:
        if not lists_are_new:
            apt.update()
        return policy.upgrades(apt.cache, asked.packages, asked.release.architecture)


def _by_dnf(place: pathlib.Path, asked: _Question) -> tuple[policy.Upgrade, ...]:
    """Ask the host's dnf, which fetches newer lists with each question."""
    with dnf_private.configured(place, asked.settings, asked.release, asked.request) as dnf:
        return dnf_private.upgrades(dnf, asked.packages)


def _name(
    settings: model.ArchiveSettings, release: model.Release, request: model.BuildRequest
) -> str:
    """Name a set of lists by all that decides which they are."""
    given = request.archives
    mirrors = [recording.told(mirror) for mirror in (given.mirror, given.uca_mirror)]
    parts = (settings.texts, settings.keys, release, mirrors, given.uca_pocket)
    # apt makes names of files of whole paths, which may have 255 characters.
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


@contextlib.contextmanager
def _kept(cache: pathlib.Path, name: str) -> Iterator[pathlib.Path]:
    """Give a directory in the cache, which is nobody else's for as long as the context lasts."""
    directory = cache.absolute() / "archives"
    place = directory / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = contextlib.ExitStack()
        held.enter_context(locks.held(place.with_suffix(".lock"), fcntl.LOCK_EX))
    except OSError as error:
        raise errors.OutputError(
            f"the cache {cache} cannot be used: {error.strerror}",
            hint="set another directory with --cache-dir",
        ) from error
    with held:
        if not place.is_dir():
            _tidy(directory)
            place.mkdir()
        os.utime(place)
        yield place


def _tidy(directory: pathlib.Path) -> None:
    """Remove the lists used longest ago, but for those in use."""
    places = [path for path in directory.iterdir() if path.is_dir()]
    places.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for place in places[_KEPT - 1 :]:
        with (
            contextlib.suppress(BlockingIOError),
            locks.held(place.with_suffix(".lock"), fcntl.LOCK_EX | fcntl.LOCK_NB),
        ):
            shutil.rmtree(place)
