"""What an image was made of, as three properties on it in Glance.

``retrofit_packages`` holds the packages (:mod:`retrofit.provenance.package_list`),
``retrofit_archives`` where they come from (:mod:`retrofit.provenance.archive_settings`),
``retrofit_provenance`` the rest as JSON, about 1,500 characters. The size of all is checked here:
a value that Glance's database cannot take would make it refuse the image.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Mapping, Sequence
from typing import Annotated

import pydantic

from .. import __version__, errors, model
from ..cloud import images
from ..host import urls
from ..model import documents
from . import archive_settings, package_list, property_text

_LOG = logging.getLogger(__name__)

ARCHIVES = "retrofit_archives"
PACKAGES = "retrofit_packages"
PROVENANCE = "retrofit_provenance"


_Text = Annotated[str, pydantic.Field(max_length=8192)]
# A word of os-release; goes into the configuration of apt.
_Word = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9.+~_-]{0,64}$")]


class Base(documents.Part):
    """The base image; what is not known is empty.

    Attributes:
        id: Its identifier in Glance.
        name: Its name in Glance, or of the file.
        hash: Algorithm and hexadecimal digest of its content.
        product: Simplestreams product.
        version: Simplestreams version.
    """

    id: _Text = ""
    name: _Text = ""
    hash: _Text = ""
    product: _Text = ""
    version: _Text = ""


class System(documents.Part):
    """What runs in the image, as :class:`retrofit.model.Release` has it."""

    distribution: _Word
    version: _Word
    series: _Word
    architecture: _Word


class Options(documents.Part):
    """What was asked for beside the recipe: URLs without credentials, no values of variables.

    Attributes:
        elements: Further elements.
        variables: Names of the variables for elements.
        mirror: Archive of the distribution.
        uca_mirror: Mirror of the Ubuntu Cloud Archive.
        uca_pocket: Its pocket.
        ppas: Personal package archives.
        root_size: Least size of the root file system in bytes; ``None`` for the recipe's.
        source_date: Seconds since 1970 that nothing in it is younger than, if it can be made
            again bit for bit.
        sources: Where sources of programs are, and what they were at, by their names.
    """

    elements: tuple[_Text, ...] = ()
    variables: tuple[_Text, ...] = ()
    mirror: _Text = ""
    uca_mirror: _Text = ""
    uca_pocket: _Text = ""
    ppas: tuple[_Text, ...] = ()
    root_size: int | None = None
    source_date: int | None = None
    sources: Mapping[_Text, _Text] = {}


class Provenance(documents.Part):
    """What an image was made of, but for its packages.

    Attributes:
        engine: Version of this project.
        recipe: Name of the recipe.
        elements: All elements that were applied, sorted.
        elements_digest: SHA-256 of their content
            (:func:`retrofit.building.elements.collect.digest`).
        releases: Version of each project whose elements they are, by its name.
        system: What runs in the image.
        base: What it was made of.
        options: What was asked for.
        built: When it was made.
        archives: What its apt or dnf was told of; ``None`` if it does not say. Has a property of
            its own.
    """

    engine: _Text
    recipe: _Text
    elements: tuple[_Text, ...]
    elements_digest: _Text
    releases: Mapping[_Text, _Text]
    system: System
    base: Base
    options: Options
    built: pydantic.AwareDatetime
    archives: model.ArchiveSettings | None = pydantic.Field(default=None, exclude=True)


@dataclasses.dataclass(frozen=True)
class Record:
    """All that an image says of itself.

    Attributes:
        image: The image in Glance.
        provenance: What it was made of.
        packages: What is installed in it.
    """

    image: images.Image
    provenance: Provenance
    packages: tuple[model.Package, ...]


def describe(
    built: model.BuildResult,
    *,
    base: model.BaseImage,
    request: model.BuildRequest,
    elements_digest: str,
    releases: Mapping[str, str],
    sources: Mapping[str, str],
    now: datetime.datetime,
) -> Provenance:
    """Describe where an image comes from.

    Args:
        built: The image.
        base: What it was made of, with the hash of its content.
        request: What was asked for.
        elements_digest: What identifies the content of all elements.
        releases: Version of each project whose elements were applied, by its name.
        sources: Where sources are and what they are at, by their names.
        now: When the image was made.
    """
    archives = request.archives
    return Provenance(
        engine=__version__,
        recipe=request.recipe,
        elements=built.elements,
        elements_digest=elements_digest,
        releases=releases,
        system=System(**dataclasses.asdict(built.release)),
        base=Base(
            id=base.id,
            name=base.name,
            hash=base.content_hash,
            product=base.product_name,
            version=base.version_name,
        ),
        options=Options(
            elements=tuple(sorted(set(request.elements))),
            # An element may take a password so.
            variables=tuple(name for name, _ in request.environment),
            mirror=urls.without_user(archives.mirror),
            uca_mirror=urls.without_user(archives.uca_mirror),
            uca_pocket=archives.uca_pocket,
            ppas=tuple(sorted(set(archives.ppas))),
            root_size=request.root_size,
            source_date=request.source_date,
            sources=sources,
        ),
        built=now.astimezone(datetime.timezone.utc).replace(microsecond=0),
        archives=built.archives,
    )


def properties(
    provenance: Provenance, packages: Sequence[model.Package]
) -> tuple[tuple[str, str], ...]:
    """Return the properties that tell an image's provenance, sorted by name.

    One that is too long for Glance is left out: an image that says less of itself is worth more
    than none.

    Raises:
        errors.ImageError: The image's package database is damaged.
    """
    told = {
        PACKAGES: package_list.encode(packages),
        PROVENANCE: provenance.model_dump_json(by_alias=True, exclude_defaults=True),
    }
    if provenance.archives is not None:
        told[ARCHIVES] = archive_settings.encode(provenance.archives)
    for name in [name for name, value in told.items() if not _fits(value)]:
        _LOG.warning("the property %s is omitted: it is too long for Glance", name)
        del told[name]
    return tuple(sorted(told.items()))


def read(image: images.Image) -> Record:
    """Return what an image says of itself; anybody may have written that.

    Raises:
        errors.ImageError: It says nothing, or what it says is damaged.
    """
    missing = [name for name in (PROVENANCE, PACKAGES) if name not in image.properties]
    if missing:
        raise errors.ImageError(
            f"the image {image.id} ({image.name!r}) has no provenance metadata: "
            f"the property {missing[0]} is missing",
            hint="choose an image that this project published",
        )
    try:
        packages = package_list.decode(image.properties[PACKAGES])
        text = image.properties[PROVENANCE]
        if not _fits(text):
            raise errors.ImageError("it is too long")
        archives = image.properties.get(ARCHIVES)
        provenance = Provenance.model_validate_json(text).model_copy(
            update={"archives": None if archives is None else archive_settings.decode(archives)}
        )
    except (errors.ImageError, pydantic.ValidationError) as error:
        raise errors.ImageError(
            f"the image {image.id} has damaged provenance metadata: {_reason(error)}",
            hint="build the image again",
        ) from error
    return Record(image, provenance, packages)


def _fits(value: str) -> bool:
    """Tell whether Glance's database takes a value; the limit is one of bytes."""
    return len(value.encode()) <= property_text.MAX_LENGTH


def _reason(error: errors.ImageError | pydantic.ValidationError) -> str:
    """Return in one line what is wrong."""
    if isinstance(error, errors.ImageError):
        return error.message
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
