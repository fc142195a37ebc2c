"""Brings versions into Glance: by their URL, or fetched here and sent, always compared."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import logging
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from .. import cloud, errors
from ..cloud import images
from ..host import files, progress, urls, web
from ..model import vocabulary
from . import awaiting, catalog, conversion, fetching, new_image, upstream, wanted

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

# Of the time for an import, what is kept for an upload if the import by URL does not work.
_RESERVE_S = 900.0
_BY_URL = "web-download"
_STAGED = "glance-direct"


class Prefetch(vocabulary.Word):
    """When images are fetched here and uploaded, and not fetched by Glance itself."""

    NEVER = "never"
    ON_STUCK = "on-stuck"
    ALWAYS = "always"


@dataclasses.dataclass(frozen=True)
class Means:
    """How images are brought into Glance.

    Attributes:
        access: How web servers are reached.
        work: Directory for what is fetched.
        prefetch: When images are fetched here.
        timeout_s: Seconds that the import of an image may take.
        retries: How often an import by URL is tried again.
        reporter: Told of the steps.
        beside: Told of the steps of images that are imported side by side.
        at_once: How many images are imported at a time at most.
        verify: Whether an image without a checksum is an error.
    """

    access: web.Access
    work: pathlib.Path
    prefetch: Prefetch
    timeout_s: float
    retries: int
    reporter: progress.Reporter
    beside: progress.Reporter
    at_once: int = 1
    verify: bool = False


@dataclasses.dataclass(frozen=True)
class Ways:
    """What a Glance does with images that it imports.

    Attributes:
        by_url: Whether it fetches them itself.
        staged: Whether it imports what was uploaded.
        converts: Whether it is known to convert them to another format.
    """

    by_url: bool
    staged: bool
    converts: bool = False


def ways(connection: cloud.Cloud, due: Iterable[wanted.Wanted], means: Means) -> Ways:
    """Ask a Glance how it imports, once for all images that are due.

    Whether it converts them is asked only if it would make a difference to one of them.
    """
    methods = connection.import_methods()
    found = Ways(by_url=_BY_URL in methods, staged=_STAGED in methods)
    asked = found.staged and means.prefetch is Prefetch.ON_STUCK
    if asked and any(
        each.product.disk_format != "raw" and _by_url_from(each.version, place, found)
        for each in due
        for place in each.places
    ):
        return dataclasses.replace(found, converts=conversion.happens(connection))
    return found


def bring(
    connection: cloud.Cloud,
    due: wanted.Wanted,
    tag: str,
    glance: Ways,
    means: Means,
) -> images.Image:
    """Import a version: private, with its properties, and compared with its checksum.

    After an error nothing is left of it; but an image whose identifier was asked for stays
    without data, as Glance gives no identifier twice.

    Args:
        connection: Where to.
        due: The version, and where it is.
        tag: On all images that are managed.
        glance: What that Glance does.
        means: How.

    Raises:
        errors.ImageError: What came is not what its checksum says.
        errors.RetrofitError: It is not there, or Glance refuses it or does not finish in time.
    """
    product, version, name = due.product, due.version, due.name
    deadline = time.monotonic() + means.timeout_s
    checksum = upstream.checksum(version, means.access)
    if not checksum and means.verify:
        raise errors.ConfigError(
            "no checksum is known, which --verify-checksum needs",
            hint="add checksum, checksums_url or checksum_url",
        )
    if not checksum:
        _LOG.warning("%s: %s has no checksum: it cannot be verified", product.place, name)
    new = new_image.NewImage(connection, product, upstream.verified(version, checksum), tag)
    with progress.step(means.reporter, f"import {name}"):
        only = means.prefetch is Prefetch.NEVER
        reserve = 0.0 if only else min(_RESERVE_S, means.timeout_s / 2)
        by_url = [each for each in due.places if _by_url_from(version, each, glance)]
        if means.prefetch is not Prefetch.ALWAYS and by_url and not glance.converts:
            until = deadline - reserve

            def from_url(where: str) -> images.Image:
                return _tried(
                    means.retries, lambda: _by_url(new, where, checksum, until, means.access)
                )

            try:
                return _first(by_url, f"Glance did not download {name}", from_url)
            except errors.NoSpace:
                # An upload would be refused, too.
                raise
            except errors.RetrofitError as error:
                if only:
                    raise
                _LOG.warning("Glance did not download %s: %s", name, error)
        file = _first(
            due.places,
            f"{name} was not downloaded",
            lambda where: fetching.fetch(
                where,
                checksum,
                means.access,
                means.work,
                advanced=_until(deadline, name, means.reporter),
            ),
        )
        try:
            staged = glance.staged
            return _tried(means.retries, lambda: _by_upload(new, file, deadline, staged=staged))
        finally:
            if file.is_relative_to(means.work):
                file.unlink()


def _first(places: Sequence[str], problem: str, action: Callable[[str], _T]) -> _T:
    """Return what an action makes of the first place with which it works."""
    for where, following in itertools.pairwise(places):
        try:
            return action(where)
        except (
            errors.InputMissing,
            errors.Denied,
            errors.ImageError,
            errors.Unavailable,
        ) as error:
            _LOG.warning("%s: %s; the next place is %s", problem, error, urls.shown(following))
    return action(places[-1])


def _until(deadline: float, name: str, reporter: progress.Reporter) -> Callable[[int, int], None]:
    """Return what is told of a download's bytes, and ends it when the time for it is over."""

    def advanced(done: int, size: int) -> None:
        if time.monotonic() > deadline:
            raise errors.Unavailable(
                f"the download of {name} did not end in time",
                hint="check the network, or give it more with --import-timeout",
            )
        reporter.advanced(done, size)

    return advanced


def _tried(retries: int, attempt: Callable[[], images.Image]) -> images.Image:
    """Try an import, and again if it does not end."""
    for left in range(retries, 0, -1):
        try:
            return attempt()
        except errors.Unavailable as error:
            _LOG.warning("the import is retried, at most %d more times: %s", left, error)
    return attempt()


def _by_url_from(version: catalog.Version, where: str, glance: Ways) -> bool:
    """Tell whether Glance can fetch a version from a place, and still be held to its checksum.

    A package would be stored as it is, and an image that turned out to be wrong would have to be
    deleted, with its identifier.
    """
    return (
        glance.by_url
        and where.startswith(("http://", "https://"))
        and not fetching.is_packed(where)
        and not version.id
    )


def _by_url(
    new: new_image.NewImage, where: str, checksum: str, deadline: float, access: web.Access
) -> images.Image:
    """Let Glance fetch an image, and compare it with the checksum."""
    with new.registered() as image:
        new.connection.begin_import(image.id, {"name": _BY_URL, "uri": where})
        stored = awaiting.whole(new.connection, image, deadline)
        algorithm, _, expected = checksum.partition(":")
        if expected and stored.disk_format == new.product.disk_format:
            actual = _stored_digest(new.connection, stored, algorithm)
            fetching.compare(algorithm, expected, actual, where)
        elif expected:
            # Nothing that is stored has the checksum: what Glance was given has it.
            fetching.compare(algorithm, expected, fetching.digest(where, access, algorithm), where)
            _LOG.warning(
                "Glance made %s of %s: the checksum was compared with the file at %s, which this "
                "command read once more, and not with the image in Glance",
                stored.disk_format,
                new.product.versioned(new.version.name),
                urls.shown(where),
            )
        return new.finish(image.id)


def _by_upload(
    new: new_image.NewImage, file: pathlib.Path, deadline: float, *, staged: bool
) -> images.Image:
    """Send an image, and compare what was stored."""
    with new.registered() as image, file.open("rb") as content:
        # One that was taken over may have its data already, or wait for its import.
        if image.status == "queued" and not staged:
            new.connection.upload(image.id, content)
        elif image.status == "queued":
            new.connection.stage(image.id, content)
        if image.status in ("queued", "uploading") and staged:
            new.connection.begin_import(image.id, {"name": _STAGED})
        stored = awaiting.whole(new.connection, image, deadline)
        _check_stored(new, stored, file)
        return new.finish(image.id)


def _check_stored(new: new_image.NewImage, stored: images.Image, file: pathlib.Path) -> None:
    """Compare what Glance has with what was sent, unless it was told to convert it."""
    algorithm, _, expected = stored.content_hash.partition(":")
    if stored.disk_format == new.product.disk_format and expected != files.digest(file, algorithm):
        raise errors.Unavailable(
            f"the content of {stored.name} in Glance differs from the uploaded file",
            hint="try again, and see Glance's log",
        )


def _stored_digest(connection: cloud.Cloud, image: images.Image, algorithm: str) -> str:
    """Return the digest of what is stored; if Glance has another one, the image is read for it."""
    known, _, value = image.content_hash.partition(":")
    if known == algorithm:
        return value
    total = hashlib.new(algorithm, usedforsecurity=False)
    for piece in connection.download(image.id):
        total.update(piece)
    return total.hexdigest()
