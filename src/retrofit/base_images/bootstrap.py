"""Base images that are made afresh from a package mirror, told by what the mirror has."""

from __future__ import annotations

import dataclasses
import email.utils
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import ClassVar

from .. import cloud, errors, model
from ..host import progress, urls, web
from ..host.sandbox import workshop
from ..model import architectures, releases
from . import kept_bases, origins, selection, systems
from .scratch import contents, snapshots
from .scratch import recipe as recipes
from .scratch import shape as shapes

# Ubuntu's images have a separate /boot since noble.
_BOOT_ON_ROOT = ("focal", "jammy")
_LIMIT = 4 * model.MIB
# Part of every identity: changes when the meaning of the other parts does.
_SCHEME = 2


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        series: Series of Ubuntu or Debian; empty takes Ubuntu's newest LTS.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        holds: What it holds.
        snapshot: Identifier of the snapshots of the mirrors; empty takes the present.
        shape: What its disk is like.
        cache: Directory in which the installed packages are kept; ``None`` keeps none.
    """

    series: str = ""
    architecture: str = ""
    mirror: str = ""
    holds: contents.Contents = contents.Contents()  # noqa: RUF009 -- frozen
    snapshot: str = ""
    shape: shapes.Shape = shapes.Shape()  # noqa: RUF009 -- frozen
    cache: pathlib.Path | None = None

    def find(self, _: Callable[[], cloud.Cloud], access: web.Access, /) -> Origin:
        """Find out what would be made; see :func:`find`."""
        wanted = recipe(self)
        return Origin(wanted, find(wanted, access), access, self.cache)

    def pinned(self, _: model.BaseImage, /) -> Wanted:
        """Return the same."""
        return self


@dataclasses.dataclass(frozen=True)
class Origin(origins.Described):
    """A base image that is yet to be made from a package mirror."""

    recipe: recipes.Recipe
    base: model.BaseImage
    access: web.Access
    cache: pathlib.Path | None = None
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    # Its files are younger each time, and lie elsewhere on the disk.
    repeatable: ClassVar[bool] = False

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Make it."""
        if find(self.recipe, self.access).content_hash != self.base.content_hash:
            raise origins.expired(self.name, "the mirror has changed")
        local = work / "source.img"
        with kept_bases.kept(self.cache, self.base.content_hash, work) as archive:
            identity = self.base.content_hash
            make(self.recipe, local, self.access, work, reporter, archive, identity=identity)
        return local


@dataclasses.dataclass(frozen=True)
class _Source:
    """A suite or repository of a mirror as it is now.

    Attributes:
        name: Its name.
        lists: Hashes of its lists of packages, by their names.
        day: When its index was made, as ``20260801``; empty if it does not say.
    """

    name: str
    lists: dict[str, str]
    day: str


def _of_debian(recipe: recipes.Recipe, access: web.Access) -> list[_Source]:
    """Read indexes of suites; whether they are rightly signed is checked when packages come."""
    from debian import deb822

    from .scratch import archives

    found = []
    for archive in archives.of_release(
        recipe.distribution,
        recipe.release,
        recipe.architecture,
        recipe.mirror,
        recipe.snapshot,
        access,
    ):
        url = f"{archive.url}/dists/{archive.suite}/InRelease"
        index = deb822.Release(web.read(url, access, limit=_LIMIT))
        wanted = [
            f"{component}/binary-{recipe.architecture}/Packages"
            for component in archive.components.split()
        ]
        lists = {
            file["name"]: file["sha256"]
            for file in index.get("SHA256", ())
            if file["name"] in wanted
        }
        if not lists:
            raise errors.InputMissing(
                f"{urls.shown(url)} has no list of packages for {recipe.architecture}",
                hint="check the mirror, the series and the architecture",
            )
        date = index.get("Date", "")
        day = f"{email.utils.parsedate_to_datetime(date):%Y%m%d}" if date else ""
        found.append(_Source(archive.suite, lists, day))
    return found


def _of_red_hat(recipe: recipes.Recipe, access: web.Access) -> list[_Source]:
    """Read indexes of repositories; nothing for another distribution."""
    if recipe.distribution not in releases.RED_HAT:
        return []
    from .scratch import red_hat

    return [
        _Source(one.name, {"primary": one.digest}, one.day)
        for one in red_hat.repositories(recipe, access)
    ]


def recipe(wanted: Wanted) -> recipes.Recipe:
    """Return how to make what is wanted.

    Raises:
        errors.ConfigError: There is no such series.
    """
    best = systems.candidates(wanted.series, wanted.architecture)[0]
    of_red_hat = best.distribution in releases.RED_HAT
    if of_red_hat and not wanted.holds.keys:
        raise errors.ConfigError(
            f"a base image of {best.distribution} needs a mirror and its keys",
            hint="use retrofit create with --mirror and --keyring, or a cloud image",
        )
    on_root = of_red_hat or best.series in _BOOT_ON_ROOT
    layout = wanted.shape.layout or ("jammy" if on_root else "noble")
    return recipes.Recipe(
        distribution=best.distribution,
        version=best.version,
        release=best.series,
        architecture=architectures.debian_architecture(best.architecture),
        mirror=snapshots.expand(wanted.mirror, wanted.snapshot),
        shape=dataclasses.replace(wanted.shape, layout=layout),
        holds=wanted.holds,
        snapshot=wanted.snapshot,
    )


def find(recipe: recipes.Recipe, access: web.Access) -> model.BaseImage:
    """Describe the image that would be made now, told by a digest of lists of packages.

    Where the mirror is does not count, nor that its lists are signed anew. The version is the
    day when that was done last.

    Raises:
        errors.ConfigError: No mirror is known.
        errors.InputMissing: The mirror does not have the series, or not for the architecture.
        errors.Unavailable: It does not answer.
    """
    sources = _of_red_hat(recipe, access) or _of_debian(recipe, access)
    inputs = {
        "scheme": _SCHEME,
        "distribution": recipe.distribution,
        "architecture": recipe.architecture,
        "suites": sorted((one.name, one.lists) for one in sources),
        **recipe.shape.inputs(),
        **recipe.holds.inputs(),
    }
    canonical = json.dumps(inputs, sort_keys=True).encode("ascii")
    return model.BaseImage(
        name=f"bootstrap-{recipe.distribution}-{recipe.release}-{recipe.architecture}",
        content_hash=f"bootstrap:{hashlib.sha256(canonical).hexdigest()}",
        version_name=max(one.day for one in sources),
        os_distro=recipe.distribution,
        os_version=recipe.version,
        architecture=architectures.kernel_architecture(recipe.architecture),
    )


def make(
    recipe: recipes.Recipe,
    output: pathlib.Path,
    access: web.Access,
    work: pathlib.Path,
    reporter: progress.Reporter,
    kept: pathlib.Path | None = None,
    *,
    identity: str,
) -> None:
    """Make the image, raw, in a workshop.

    Args:
        recipe: How to make it.
        output: File to write.
        access: How mirrors are reached.
        work: The work directory.
        reporter: Told of the steps.
        kept: See :func:`system.bootstrap`.
        identity: Likewise.

    Raises:
        errors.UsageError: No image of that architecture can be made.
        errors.Unavailable: The mirror does not give what is asked for.
    """
    from .scratch import system

    def make_inside(_: progress.Reporter) -> None:
        system.bootstrap(
            output,
            recipe,
            identity=identity,
            access=access,
            image_format=model.ImageFormat.RAW,
            work=work,
            kept=kept,
        )

    with progress.step(reporter, "bootstrap"):
        workshop.run(work, make_inside, reporter)
