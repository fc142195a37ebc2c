"""Base images from Glance: find one, and bring it here."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import ClassVar

from .. import cloud, errors, model
from ..cloud import images
from ..host import progress, web
from ..host.sandbox import workshop
from . import arrival, origins, selection, systems

_LOG = logging.getLogger(__name__)

# So many of Glance's images are looked at to tell what there is where nothing fits: one page.
_SHOWN = 200


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which base image is wanted.

    Attributes:
        image_id: Identifier of the image; series and architecture do not count then.
        series: Series of Ubuntu or Debian, such as ``noble``; empty takes Ubuntu's newest LTS,
            or else the series of this machine.
        architecture: As Glance spells it, such as ``x86_64``; empty takes this machine's.
        projects: Identifiers of projects whose images may be used, beside public images and those
            of the credentials' own project.
    """

    image_id: str = ""
    series: str = ""
    architecture: str = ""
    projects: tuple[str, ...] = ()

    def find(self, connect: Callable[[], cloud.Cloud], _: web.Access, /) -> Origin:
        """Find it; see :func:`find`."""
        connection = connect()
        found = find(connection, self)
        return Origin(connection, found.base, found.untrusted)

    def pinned(self, planned: model.BaseImage, /) -> Wanted:
        """Return that one image."""
        return dataclasses.replace(self, image_id=planned.id)


@dataclasses.dataclass(frozen=True)
class Origin(origins.Described):
    """A base image in Glance."""

    connection: cloud.Cloud
    base: model.BaseImage
    untrusted: tuple[selection.UntrustedImage, ...] = ()
    repeatable: ClassVar[bool] = True

    def content_hash(self) -> str:
        """Return the hash that Glance keeps; data there never changes, so an id does, too."""
        return self.base.content_hash or f"glance:{self.base.id}"

    def bring(self, work: pathlib.Path, reporter: progress.Reporter) -> pathlib.Path:
        """Download it."""
        local = work / "source.img"
        with progress.step(reporter, "download"):
            try:
                download(self.connection, self.base, local, advanced=reporter.advanced)
            except errors.InputMissing as missing:
                raise origins.expired(self.name, "Glance no longer has it") from missing
        workshop.adopt(local)
        return local


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        base: The base image.
        untrusted: Images of untrusted projects that would be selected otherwise.
    """

    base: model.BaseImage
    untrusted: tuple[selection.UntrustedImage, ...] = ()


def find(connection: cloud.Cloud, wanted: Wanted) -> Found:
    """Find the base image.

    Raises:
        errors.ConfigError: There is no such series.
        errors.Denied: The image that was named belongs to a project that nobody named.
        errors.InputMissing: There is no such image; the message says what was looked for.
        errors.Unavailable: Glance does not answer.
    """
    projects = {connection.project_id, *wanted.projects}
    if wanted.image_id:
        image = connection.image(wanted.image_id)
        _check_owner(image, projects)
        _check_status(image)
        return Found(_describe(image))

    candidates = systems.candidates(wanted.series, wanted.architecture)
    untrusted: list[selection.UntrustedImage] = []
    for queries in (queries for candidate in candidates for queries in _ranks(candidate)):
        shown = [
            image
            for query in queries
            for image in connection.images([("status", "active"), *query])
        ]
        choice = selection.newest(shown, projects=projects)
        untrusted += choice.untrusted
        if choice.image is not None:
            _LOG.info("base image: %s (%s)", choice.image.name, choice.image.id)
            _warn(untrusted)
            return Found(_describe(choice.image), tuple(untrusted))
    raise _nothing_found(connection, candidates, untrusted)


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
    with arrival.receiving(base, target, advanced) as arriving:
        _fetch(connection, base, arriving)


@cloud.retrying
def _fetch(connection: cloud.Cloud, base: model.BaseImage, arriving: arrival.Arrival) -> None:
    """Write the image's data, from its beginning."""
    arriving.restart()
    for piece in connection.download(base.id):
        arriving.write(piece)


def _ranks(candidate: selection.Candidate) -> Iterator[list[list[tuple[str, str]]]]:
    """Yield what to ask Glance for, best first: it does the filtering, as it has thousands.

    Each item has queries whose answers are equally good.
    """
    for product in candidate.products:
        yield [[("product_name", product)]]
    if not candidate.products:
        system = [
            ("os_distro", candidate.distribution),
            ("architecture", candidate.architecture),
        ]
        # Some write one, some the other.
        versions = (candidate.version, candidate.series)
        yield [[*system, ("os_version", version)] for version in versions]


def _check_owner(image: images.Image, projects: Collection[str]) -> None:
    """Refuse an image of somebody who is not to run code here."""
    if selection.is_trusted(image, projects):
        return
    raise errors.Denied(
        f"the image {image.id} ({image.name}) is {image.visibility} and belongs to project "
        f"{image.owner}, not to this one",
        hint=f"to trust the project, add {image.owner} to source-projects (--source-project)",
    )


def _warn(untrusted: Iterable[selection.UntrustedImage]) -> None:
    for image in untrusted:
        _LOG.warning(
            "image %s (%s) would be selected, but its project %s is not in source-projects",
            image.id,
            image.name,
            image.owner,
        )


def _check_status(image: images.Image) -> None:
    """Refuse an image whose data cannot be had."""
    if image.status == "active":
        return
    hints = {
        "deactivated": "ask an administrator to reactivate it, or choose another",
        "queued": "its upload is incomplete: upload it again, or choose another",
        "saving": "wait until its upload ends",
        "importing": "wait until its import ends",
    }
    raise errors.InputMissing(
        f"the image {image.id} ({image.name}) is {image.status}",
        hint=hints.get(image.status, "choose another"),
    )


def _nothing_found(
    connection: cloud.Cloud,
    candidates: Sequence[selection.Candidate],
    untrusted: Sequence[selection.UntrustedImage],
) -> errors.InputMissing:
    """Say what was looked for, and what there is instead."""
    products = [product for candidate in candidates for product in candidate.products]
    message = "no base image in Glance for " + " or ".join(map(str, candidates))
    details = tuple(f"looked for product_name {product}" for product in products)
    if untrusted:
        first = untrusted[0]
        return errors.InputMissing(
            f"{message} but {first.id} ({first.name}), which belongs to project {first.owner}",
            hint=f"to trust the project, add {first.owner} to source-projects (--source-project)",
            details=details,
        )
    shown = connection.images([("status", "active"), ("os_distro", candidates[0].distribution)])
    some = itertools.islice(shown, _SHOWN)
    present = sorted({_product(image) for image in some if not selection.is_result(image)})
    return errors.InputMissing(
        message,
        hint="import one with glance-simplestreams-sync, or choose another image or series; "
        "available products: " + (", ".join(present) or "none"),
        details=details,
    )


def _product(image: images.Image) -> str:
    """Return the product name of an image, or in words what it says that it is."""
    said = (image.properties.get(key) for key in ("os_distro", "os_version", "architecture"))
    return image.properties.get("product_name") or " ".join(filter(None, said))


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
        min_ram=image.min_ram,
        properties=tuple(sorted(known.items())),
    )
