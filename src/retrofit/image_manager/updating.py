"""Brings image files up to date: the newest version becomes what its maker has now."""

from __future__ import annotations

import datetime
import logging
import pathlib
from collections.abc import Callable, Iterable

from .. import errors
from ..host import files, web, yaml_lines
from . import catalog, newest_build

_LOG = logging.getLogger(__name__)


def update(
    products: Iterable[catalog.Product],
    access: web.Access,
    told: Callable[[str, str], None],
    *,
    dry_run: bool,
) -> list[errors.RetrofitError]:
    """Write the newest builds of products into their files, in place of the newest versions.

    Args:
        products: What files ask for.
        access: How web servers are reached.
        told: Told name and new version of each product that changes.
        dry_run: Whether to write nothing.

    Returns:
        What failed; the rest was done.
    """
    failures = []
    for product in products:
        if not _can_be_asked(product):
            continue
        try:
            newest = newest_build.find(product, access)
            if newest is not None:
                told(product.name, newest.name)
            if newest is not None and not dry_run:
                _write(product, newest)
        except errors.RetrofitError as error:
            failures.append(error)
    return failures


def _can_be_asked(product: catalog.Product) -> bool:
    """Tell whether a file says where the newest build of a product is; warn if not all of it."""
    needed = {
        "latest_checksum_url": bool(product.latest_checksum_url),
        "version to replace": bool(product.versions),
    }
    missing = [key for key, is_there in needed.items() if not is_there]
    if product.latest_url and missing:
        _LOG.warning(
            "%s: %s is not updated: it has a latest_url, but no %s",
            *(product.place, product.name, " and no ".join(missing)),
        )
    return bool(product.latest_url) and not missing


def _write(product: catalog.Product, newest: catalog.Version) -> None:
    """Put a version into the place of a product's newest one."""
    path = pathlib.Path(product.place.rpartition(":")[0])
    document = yaml_lines.read(path)
    previous = product.versions[-1]
    # What is not understood of a file is skipped, and stays as it is.
    images = [isinstance(each, dict) and each.get("name") for each in document.value["images"]]
    number = images.index(product.name)
    versions = [str(each.get("version")) for each in document.value["images"][number]["versions"]]
    place = ("images", number, "versions", versions.index(previous.name))
    values: dict[tuple[str | int, ...], str | datetime.date | None] = {
        (*place, "version"): newest.name,
        (*place, "url"): newest.url,
        (*place, "checksum"): newest.checksum,
        (*place, "build_date"): newest.build_date,
    }
    if newest.mirror_url:
        values |= {(*place, "mirror_url"): newest.mirror_url}
    text = path.read_bytes().decode("utf-8")
    files.write(path, document.changed(text, values), mode=path.stat().st_mode & 0o777)
