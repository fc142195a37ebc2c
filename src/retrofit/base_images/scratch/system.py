"""Makes base images from a package mirror: a stock cloud image's layout and habits."""

from __future__ import annotations

import pathlib
from collections.abc import Collection

from ... import errors, model
from ...building.disk import conversion, repeatable
from ...host import process, source_date, web
from ...host.sandbox import emulation
from ...model import releases
from . import debian, debian_systems, disk, red_hat, shape
from . import recipe as recipes

_TAR_TIMEOUT_S = 900.0


def check(distribution: str, layout: str, architecture: str) -> None:
    """Refuse names that no base image can be made of.

    Raises:
        errors.UsageError: One is none of those known.
    """
    known: Collection[str] = ()
    if distribution in releases.RED_HAT:
        known = red_hat.ARCHITECTURES
    elif distribution in debian_systems.DISTRIBUTIONS:
        known = debian_systems.ARCHITECTURES
    if layout not in shape.LAYOUTS or architecture not in known:
        raise errors.UsageError(
            f"cannot build a base image of {distribution} in layout {layout} for {architecture}",
            hint="supported: "
            + ", ".join((*debian_systems.DISTRIBUTIONS, *shape.LAYOUTS, *known)),
        )


def bootstrap(
    output: pathlib.Path,
    recipe: recipes.Recipe,
    *,
    identity: str,
    access: web.Access,
    image_format: model.ImageFormat,
    work: pathlib.Path,
    kept: pathlib.Path | None = None,
) -> None:
    """Make a bootable cloud image; call it in a workshop.

    Args:
        output: The image to make.
        recipe: How to make it.
        identity: What tells it from others; its partitions and file systems are named after it.
        access: How the mirror is reached.
        image_format: Format of the image.
        work: Directory for temporary files, which stay in it.
        kept: Archive of the packages as they were installed by another build; it is made if it is
            not there. ``None`` installs them.

    Raises:
        errors.UsageError: A name is none of those known.
        errors.ConfigError: No mirror of the distribution is known, it lacks a package, or the disk
            cannot be like that.
        errors.Denied: The mirror is not signed with a key of the keyring.
        errors.NoSpace: The base system does not fit on the disk.
        errors.Unavailable: The mirror does not give what is asked for.
    """
    check(recipe.distribution, recipe.shape.layout, recipe.architecture)
    if recipe.holds.source_date is not None:
        repeatable.check()
    source_date.declare(recipe.holds.source_date)
    emulation.prepare(recipe.architecture)
    place = work / "bootstrap"
    place.mkdir()
    disk.check(recipe.shape, place)
    tree = place / "tree"
    made: red_hat.System | debian.System
    if recipe.distribution in releases.RED_HAT:
        made = red_hat.System(recipe, access, place)
    else:
        made = debian.System(recipe, access, place)
    if kept is not None and kept.exists():
        tree.mkdir()
        _tar(kept, tree, "--extract", "--preserve-permissions")
    else:
        made.install(tree)
        if kept is not None:
            _tar(kept, tree, "--create", ".")
    made.configure(tree)

    raw = place / "disk.raw"
    disk.make(
        tree,
        raw,
        like=recipe.shape,
        release=model.Release(recipe.distribution, "", recipe.release, recipe.architecture),
        identity=identity,
        moment=recipe.holds.source_date,
        work=place,
    )
    conversion.from_raw(raw, output, image_format)


def _tar(archive: pathlib.Path, tree: pathlib.Path, *words: str) -> None:
    """Pack or unpack a tree with all that belongs to its files."""
    process.run(
        ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--file", str(archive)]
        + ["--directory", str(tree), *words],
        timeout_s=_TAR_TIMEOUT_S,
    )
