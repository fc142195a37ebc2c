"""Base images from Glance: find one, and bring it here."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import logging
import pathlib
import platform
import shutil
from collections.abc import Callable, Iterable
from concurrent import futures

from .. import cloud, errors, images, model, releases
from . import selection

_LOG = logging.getLogger(__name__)
_SPACE_HINT = "free some space, or choose another work directory"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        image_id: Identifier of the image; the others do not count then.
        series: Series of Ubuntu or Debian, such as ``noble``; empty takes Ubuntu's newest LTS,
            or else the series of this machine.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.
    """

    image_id: str = ""
    series: str = ""
    architecture: str = ""


def find(connection: cloud.Cloud, wanted: Wanted) -> model.BaseImage:
    """Find the base image.

    Raises:
        errors.ConfigError: There is no such series.
        errors.InputMissing: There is no such image; the message says what was looked for.
        errors.Unavailable: Glance does not answer.
    """
    if wanted.image_id:
        image = connection.image(wanted.image_id)
        _check_status(image)
        return _describe(image)
    candidates = _candidates(wanted)
    for candidate in candidates:
        image_found = _search(connection, candidate)
        if image_found is not None:
            _LOG.info("base image: %s (%s)", image_found.name, image_found.id)
            return _describe(image_found)
    raise _nothing_found(connection, candidates)


def download(
    connection: cloud.Cloud,
    base: model.BaseImage,
    target: pathlib.Path,
    *,
    advanced: Callable[[int, int], None],
) -> None:
    """Bring a base image here and check that it arrived unchanged.

    Args:
        connection: Where it is.
        base: Which one.
        target: File to write; nothing is left of it after a failure.
        advanced: Told how many bytes of how many are here.

    Raises:
        errors.NoSpace: The disk is, or would be, full.
        errors.ImageError: What arrived is not what Glance says it has.
        errors.OutputError: The file cannot be written.
        errors.Unavailable: Glance does not answer.
    """
    free = shutil.disk_usage(target.parent).free
    if base.size > free:
        raise errors.NoSpace(
            f"the base image has {base.size // model.MIB} MiB, {target.parent} has "
            f"{free // model.MIB} MiB free",
            hint=_SPACE_HINT,
        )
    try:
        actual = _fetch(connection, base, target, advanced)
        if base.content_hash and actual != base.content_hash:
            raise errors.ImageError(
                f"the base image {base.id} arrived damaged: {actual[:24]}… instead of "
                f"{base.content_hash[:24]}…",
                hint="try again; if it stays so, the copy in Glance's store is damaged: "
                "upload the image anew",
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@cloud.retrying
def _fetch(
    connection: cloud.Cloud,
    base: model.BaseImage,
    target: pathlib.Path,
    advanced: Callable[[int, int], None],
) -> str:
    """Write the image's data, and return its hash with the algorithm, as Glance says it."""
    algorithm = base.content_hash.partition(":")[0] or "sha512"
    # MD5 is all that images uploaded before Glance 17 have; it guards against accidents only.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    done = 0
    try:
        with target.open("wb") as file, futures.ThreadPoolExecutor(max_workers=1) as hasher:
            hashed = hasher.submit(digest.update, b"")
            for piece in connection.download(base.id):
                # One piece is hashed while the next one arrives: alone either takes as long.
                hashed.result()
                hashed = hasher.submit(digest.update, piece)
                file.write(piece)
                done += len(piece)
                advanced(done, base.size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.NoSpace(f"no space left in {target.parent}", hint=_SPACE_HINT) from error
        raise errors.OutputError(f"cannot write {target}: {error.strerror}") from error
    return f"{algorithm}:{digest.hexdigest()}"


def _candidates(wanted: Wanted) -> tuple[selection.Candidate, ...]:
    """Return the operating systems to look for, best first.

    Raises:
        errors.ConfigError: Neither Ubuntu nor Debian has a series of that name.
    """
    architecture = wanted.architecture or platform.machine()
    if wanted.series:
        debian = releases.is_known("debian", wanted.series)
        systems = [("debian" if debian else "ubuntu", wanted.series)]
    else:
        systems = [("ubuntu", releases.newest_lts())]
        here = platform.freedesktop_os_release()
        own = (here["ID"], here.get("VERSION_CODENAME", ""))
        if own not in systems and releases.is_supported(*own):
            systems.append(own)
    return tuple(
        selection.Candidate(
            distribution, releases.version(distribution, series), series, architecture
        )
        for distribution, series in systems
    )


def _search(connection: cloud.Cloud, candidate: selection.Candidate) -> images.Image | None:
    """Look for one candidate, letting Glance do the filtering: a cloud has thousands of images."""
    project_id = connection.project_id
    for product in candidate.products:
        found = connection.images([("status", "active"), ("product_name", product)])
        image = selection.newest_of_product(candidate, found, project_id=project_id)
        if image is not None:
            return image
    if candidate.products:
        return None
    found = connection.images([("status", "active"), ("os_distro", candidate.distribution)])
    return selection.newest_of_system(candidate, found, project_id=project_id)


def _check_status(image: images.Image) -> None:
    """Refuse an image whose data cannot be had."""
    if image.status == "active":
        return
    hints = {
        "deactivated": "have an administrator reactivate it, or choose another",
        "queued": "its upload never ended: upload it, or choose another",
        "saving": "wait until its upload has ended",
        "importing": "wait until its import has ended",
    }
    raise errors.InputMissing(
        f"the image {image.id} ({image.name}) is {image.status}",
        hint=hints.get(image.status, "choose another"),
    )


def _nothing_found(
    connection: cloud.Cloud, candidates: Iterable[selection.Candidate]
) -> errors.InputMissing:
    """Say what was looked for, and what there is instead."""
    products = [product for candidate in candidates for product in candidate.products]
    present = sorted(
        {
            image.properties["product_name"]
            for image in connection.images([("status", "active")])
            if "product_name" in image.properties
        }
    )
    return errors.InputMissing(
        "no base image in Glance for " + " or ".join(map(str, candidates)),
        hint="have glance-simplestreams-sync bring one, or name an image or another series; "
        "products there: " + (", ".join(present) or "none"),
        details=tuple(f"looked for product_name {product}" for product in products),
    )


def _describe(image: images.Image) -> model.BaseImage:
    """Keep what a build wants to know; properties may be missing (LP: 2016344, 1842430)."""
    known = image.properties
    return model.BaseImage(
        id=image.id,
        name=image.name,
        size=image.size,
        content_hash=image.content_hash,
        product_name=known.get("product_name", ""),
        version_name=known.get("version_name", ""),
        os_distro=known.get("os_distro", ""),
        os_version=known.get("os_version", ""),
        architecture=known.get("architecture", ""),
    )
