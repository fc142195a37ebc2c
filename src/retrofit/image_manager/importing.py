"""Brings versions into Glance: by their URL, or fetched here and sent, always compared."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import pathlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping

from .. import cloud, errors
from ..cloud import images
from ..host import files, progress, web
from ..model import vocabulary
from ..provenance import marks
from . import catalog, fetching, rotation, upstream

_LOG = logging.getLogger(__name__)

# An import that waits this long to begin is stuck: Glance puts it back without a word.
_STUCK_S = 30.0
# Of the time for an import, what is kept for an upload if the import by URL does not work.
_RESERVE_S = 900.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_BY_URL = "web-download"
_STAGED = "glance-direct"
# States of tasks at which nothing happens any more.
_ENDED = ("success", "failure")


class Prefetch(vocabulary.Word):
    """When images are fetched here and uploaded, and not fetched by Glance itself."""

    NEVER = "never"
    ON_STUCK = "on-stuck"
    ALWAYS = "always"


def location(_: catalog.Product, version: catalog.Version) -> str:
    """Return where a version is fetched: where its file says."""
    return version.location


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
        locate: Returns where a version is fetched.
        verify: Whether an image without a checksum is an error.
    """

    access: web.Access
    work: pathlib.Path
    prefetch: Prefetch
    timeout_s: float
    retries: int
    reporter: progress.Reporter
    locate: Callable[[catalog.Product, catalog.Version], str] = location
    verify: bool = False


def bring(
    connection: cloud.Cloud,
    product: catalog.Product,
    version: catalog.Version,
    *,
    tag: str,
    means: Means,
) -> images.Image:
    """Import a version: private, with its properties, and compared with its checksum.

    After an error nothing is left of it; but an image whose identifier was asked for stays
    without data, as Glance gives no identifier twice.

    Args:
        connection: Where to.
        product: The product.
        version: Its version.
        tag: On all images that are managed.
        means: How.

    Raises:
        errors.ImageError: What came is not what its checksum says.
        errors.RetrofitError: It is not there, or Glance refuses it or does not finish in time.
    """
    name = product.versioned(version.name)
    deadline = time.monotonic() + means.timeout_s
    where = means.locate(product, version)
    checksum = upstream.checksum(version, means.access)
    if not checksum and means.verify:
        raise errors.ConfigError(
            "no checksum is known, which --verify-checksum needs",
            hint="add checksum, checksums_url or checksum_url",
        )
    if not checksum:
        _LOG.warning("%s: %s has no checksum: it cannot be verified", product.place, name)
    new = _New(connection, product, upstream.verified(version, checksum), tag)
    with progress.step(means.reporter, f"import {name}"):
        methods = connection.import_methods()
        if means.prefetch is not Prefetch.ALWAYS and _may_go_by_url(version, where, methods):
            reserve = min(_RESERVE_S, means.timeout_s / 2)
            only = means.prefetch is Prefetch.NEVER
            until = deadline if only else deadline - reserve
            try:
                return _tried(means.retries, lambda: _by_url(new, where, checksum, until))
            except errors.RetrofitError as error:
                if only:
                    raise
                _LOG.warning("Glance did not download %s: %s", name, error)
        file = fetching.fetch(
            where, checksum, means.access, means.work, advanced=means.reporter.advanced
        )
        try:
            staged = _STAGED in methods
            return _tried(means.retries, lambda: _by_upload(new, file, deadline, staged=staged))
        finally:
            if file.is_relative_to(means.work):
                file.unlink()


def _tried(retries: int, attempt: Callable[[], images.Image]) -> images.Image:
    """Try an import, and again if it does not end."""
    for left in range(retries, 0, -1):
        try:
            return attempt()
        except errors.Unavailable as error:
            _LOG.warning("the import is retried, at most %d more times: %s", left, error)
    return attempt()


def changes(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the JSON patch that gives an image fields, and takes away those that are ``None``."""
    changes: list[dict[str, object]] = []
    for key, value in fields.items():
        # RFC 6901 has characters of its own in paths.
        path = f"/{key.replace('~', '~0').replace('/', '~1')}"
        if value is None:
            changes.append({"op": "remove", "path": path})
        else:
            changes.append({"op": "add", "path": path, "value": value})
    return changes


@dataclasses.dataclass(frozen=True)
class _New:
    """An image that is to be made.

    Attributes:
        connection: Where.
        product: Of which product.
        version: Of which version.
        tag: On all images that are managed.
    """

    connection: cloud.Cloud
    product: catalog.Product
    version: catalog.Version
    tag: str

    @contextlib.contextmanager
    def registered(self) -> Iterator[images.Image]:
        """Give the image without data; after an error it is removed, as far as that may be."""
        image_id = self.version.id or str(uuid.uuid4())
        try:
            yield self._taken_over() or self._create(image_id)
        except BaseException:
            if not self.version.id:
                self._remove(image_id)
            raise

    def finish(self, image_id: str) -> images.Image:
        """Say that an image is whole."""
        change = {"op": "remove", "path": f"/{marks.STATE}"}
        return self.connection.patch(image_id, [change])

    def _create(self, image_id: str) -> images.Image:
        described = rotation.fields(self.product, self.version, 0, self.tag)
        return self.connection.create(
            image_id,
            name=self.product.versioned(self.version.name),
            disk_format=self.product.disk_format,
            properties=((marks.STATE, marks.IMPORTING),),
            further=described,
        )

    def _taken_over(self) -> images.Image | None:
        """Return what an earlier run left of an image whose identifier was asked for."""
        if not self.version.id:
            return None
        try:
            left = self.connection.image(self.version.id)
        except errors.InputMissing:
            return None
        if left.properties.get(marks.STATE) != marks.IMPORTING or self.tag not in left.tags:
            raise errors.ConfigError(
                f"{self.product.place}: the identifier {left.id} of version {self.version.name} "
                f"belongs to {left.name or 'another image'}",
                hint="change the id of the version, or delete that image",
            )
        described = rotation.fields(self.product, self.version, left.size, self.tag)
        name = self.product.versioned(self.version.name)
        return self.connection.patch(left.id, changes(described | {"name": name}))

    def _remove(self, image_id: str) -> None:
        try:
            self.connection.delete(image_id)
        except errors.RetrofitError as error:
            _LOG.warning(
                "image %s could not be removed; the next run removes it: %s", image_id, error
            )


def _may_go_by_url(version: catalog.Version, where: str, methods: frozenset[str]) -> bool:
    """Tell whether Glance can fetch a version itself, and still be held to its checksum.

    A package would be stored as it is, and an image that turned out to be wrong would have to be
    deleted, with its identifier.
    """
    return (
        _BY_URL in methods
        and where.startswith(("http://", "https://"))
        and not fetching.is_packed(where)
        and not version.id
    )


def _by_url(new: _New, where: str, checksum: str, deadline: float) -> images.Image:
    """Let Glance fetch an image, and compare what it stored with the checksum."""
    with new.registered() as image:
        new.connection.begin_import(image.id, {"name": _BY_URL, "uri": where})
        stored = _await(new.connection, image, deadline)
        algorithm, _, wanted = checksum.partition(":")
        if wanted:
            actual = _stored_digest(new.connection, stored, algorithm)
            if stored.disk_format != new.product.disk_format and actual != wanted:
                raise errors.Unavailable(
                    f"Glance makes {stored.disk_format} of images that it fetches, so that their "
                    "checksum cannot be compared",
                    hint="let this command download them: --prefetch always",
                )
            fetching.compare(algorithm, wanted, actual, where)
        return new.finish(image.id)


def _by_upload(new: _New, file: pathlib.Path, deadline: float, *, staged: bool) -> images.Image:
    """Send an image, and compare what was stored."""
    with new.registered() as image, file.open("rb") as content:
        # One that was taken over may have its data already, or wait for its import.
        if image.status == "queued" and not staged:
            new.connection.upload(image.id, content)
        elif image.status == "queued":
            new.connection.stage(image.id, content)
        if image.status in ("queued", "uploading") and staged:
            new.connection.begin_import(image.id, {"name": _STAGED})
        stored = _await(new.connection, image, deadline)
        _check_stored(new, stored, file)
        return new.finish(image.id)


def _check_stored(new: _New, stored: images.Image, file: pathlib.Path) -> None:
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


def _await(connection: cloud.Cloud, image: images.Image, deadline: float) -> images.Image:
    """Wait until an image has its data.

    Raises:
        errors.Unavailable: Its import failed, is stuck, or takes too long.
    """
    began = time.monotonic()
    pause = _FIRST_PAUSE_S
    while True:
        tasks = connection.import_tasks(image.id)
        shown = connection.image(image.id)
        # An image is active a moment before Glance is done with it.
        if shown.status == "active" and all(status in _ENDED for status, _ in tasks):
            return shown
        for status, message in tasks:
            if status == "failure":
                raise errors.Unavailable(
                    f"Glance did not import {image.name}: {' '.join(message.split())}",
                    hint="see Glance's log",
                )
        now = time.monotonic()
        begun = any(status == "processing" for status, _ in tasks)
        stuck = shown.status != "importing" and not begun and now - began > _STUCK_S
        if stuck or now > deadline or shown.status in ("killed", "deleted", "pending_delete"):
            raise errors.Unavailable(
                f"the import of {image.name} has not ended: it is {shown.status} after "
                f"{now - began:.0f} s",
                hint="see Glance's log, and the options --stuck-retry and --import-timeout",
            )
        time.sleep(min(pause, max(0.0, deadline - now)))
        pause = min(2 * pause, _LONGEST_PAUSE_S)
