"""Copies the images of versions to where they stay: makers keep theirs for a short time only."""

from __future__ import annotations

import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterable

from .. import errors
from ..host import files, progress, signals, urls, web
from . import catalog, fetching, notices, stores, upstream, wanted

# What names begin with, as OpenStack Image Manager has them.
_ROOT = "openstack-images"


# Garden Linux puts a commit into the names of its images.
_COMMIT = re.compile(r"-[0-9a-f]{8}(?=\.qcow2$)")


def key(product: catalog.Product, version: catalog.Version) -> str:
    """Return the name of a version in a mirror: what ``mirror_url`` says after the bucket.

    Raises:
        errors.ConfigError: ``mirror_url`` leads out of the mirror.
    """
    path = urllib.parse.urlsplit(version.mirror_url).path
    _, root, rest = path.partition(f"/{_ROOT}/")
    if root:
        return stores.safe(f"{_ROOT}/{rest}")
    short = product.shortname or re.sub(r"[^a-z0-9.]+", "-", product.name.lower()).strip("-")
    return stores.safe(f"{_ROOT}/{short}/{version.name}-{short}.{product.disk_format}")


def locator(store: stores.Store) -> wanted.Locate:
    """Return what tells where a version is fetched: from a mirror, if that has it."""
    silent: list[errors.Unavailable] = []

    def locate(product: catalog.Product, version: catalog.Version) -> tuple[str, ...]:
        # A mirror that does not answer is not waited for once more for each image.
        for error in silent:
            raise error
        name = key(product, version)
        usual = wanted.locations(product, version)
        try:
            return (store.url(name), *usual) if store.has(name) else usual
        except errors.Unavailable as error:
            silent.append(error)
            raise

    return locate


def mirror(
    products: Iterable[catalog.Product],
    store: stores.Store,
    access: web.Access,
    work: pathlib.Path | None,
    *,
    reporter: progress.Reporter,
    told: Callable[[str, str], None],
) -> list[errors.RetrofitError]:
    """Copy what a mirror does not have, unpacked and compared with its checksum.

    Args:
        products: What files ask for.
        store: The mirror.
        access: How web servers are reached.
        work: Directory for what is fetched; ``None`` copies nothing, but says what it would.
        reporter: Told of the steps.
        told: Told name and origin of each file that is copied, before it is.

    Returns:
        What failed; the rest was copied.
    """
    failures: list[errors.RetrofitError] = []
    for product in products:
        try:
            versions = upstream.resolved(product, (), access).versions
        except errors.RetrofitError as error:
            failures.append(notices.named(error, product, product.name))
            continue
        for version in versions:
            signals.check()
            try:
                _copy(product, version, store, access, work, reporter, told)
            except errors.RetrofitError as error:
                name = product.versioned(version.name)
                failures.append(notices.named(error, product, name))
    return failures


def _copy(
    product: catalog.Product,
    version: catalog.Version,
    store: stores.Store,
    access: web.Access,
    work: pathlib.Path | None,
    reporter: progress.Reporter,
    told: Callable[[str, str], None],
) -> None:
    """Copy a version, if the mirror does not have it."""
    name = key(product, version)
    if store.has(name):
        return
    told(name, urls.shown(version.url))
    if work is None:
        return
    with progress.step(reporter, f"mirror {name}"):
        checksum = upstream.checksum(version, access)
        file = fetching.fetch(version.url, checksum, access, work, advanced=reporter.advanced)
        try:
            short = _COMMIT.sub("", name)
            if product.shortname == "gardenlinux" and short != name:
                _put_by_release(store, short, file, work)
            # What is there by its own name is complete.
            store.put(name, file)
        finally:
            if file.is_relative_to(work):
                file.unlink()


def _put_by_release(
    store: stores.Store, name: str, file: pathlib.Path, work: pathlib.Path
) -> None:
    """Keep an image also by a name that follows from its release alone, and its checksum."""
    store.put(name, file)
    sums = work / "checksum"
    sums.write_text(f"{files.digest(file, 'sha256')}  {name.rpartition('/')[2]}\n")
    try:
        store.put(f"{name}.sha256", sums)
    finally:
        sums.unlink()
