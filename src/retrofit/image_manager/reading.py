"""Reads image files into products."""

from __future__ import annotations

import datetime
import pathlib
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic

from .. import errors
from ..host import yaml_lines
from . import catalog, schema

_SUFFIXES = (".yml", ".yaml")
_PASSWORD = re.compile(r"//[^/@]*@")


class _Part(pydantic.BaseModel):
    """What has to be there to work; what else is in a file, only the schema judges."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _Version(_Part):
    version: Annotated[str, pydantic.Field(min_length=1)]
    url: schema.Url
    build_date: datetime.datetime | datetime.date | None = None
    checksum: schema.Checksum | None = None
    checksum_url: str | None = None
    checksums_url: str | None = None
    hidden: bool | None = None
    id: schema.Id | None = None
    image_description: str | None = None
    meta: dict[str, Any] | None = None
    mirror_url: schema.Url | None = None
    os_version: str | None = None
    source: str | None = None
    visibility: schema.Visibility | None = None

    @pydantic.model_validator(mode="after")
    def _check_latest(self) -> _Version:
        if self.checksum_url and self.checksums_url:
            raise ValueError("use only one of checksum_url and checksums_url")
        if self.version == catalog.LATEST and not (self.checksum_url or self.checksums_url):
            raise ValueError("the version latest needs checksums_url or checksum_url")
        return self


class _Image(_Part):
    name: Annotated[str, pydantic.Field(min_length=1)]
    format: schema.Format
    login: str
    status: schema.Status
    versions: list[_Version]
    visibility: schema.Visibility
    enable: bool = True
    keep: bool | None = None
    latest_checksum_url: str | None = None
    latest_url: str | None = None
    meta: dict[str, Any] = {}
    min_disk: Annotated[int, pydantic.Field(ge=0)] = 0
    min_ram: Annotated[int, pydantic.Field(ge=0)] = 0
    multi: bool = False
    separator: str | None = None
    shortname: str | None = None
    tags: list[str] = []


class _File(_Part):
    images: list[_Image]


def read(
    path: pathlib.Path, *, check: bool, force: bool = False, pattern: str = ""
) -> list[catalog.Product]:
    """Read a file, or all of a directory that end in ``.yml`` or ``.yaml``.

    Args:
        path: The file or directory.
        check: Whether everything has to be as the published schema says.
        force: Whether images that are not enabled count, too.
        pattern: Regular expression that is to be found in a name; empty takes all.

    Raises:
        errors.InputMissing: There is no such file.
        errors.ConfigError: A file is wrong; all that is wrong is logged, the first is named.
        errors.UsageError: The pattern is not a regular expression.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise errors.UsageError(
            f"--filter {pattern!r} is not a regular expression: {error}"
        ) from error
    complaints: list[str] = []
    places: dict[str, str] = {}
    products = []
    for document in map(yaml_lines.read, _files(path)):
        for number, image in enumerate(_images(document, check=check, complaints=complaints)):
            place = document.place(("images", number))
            if image.name in places:
                complaints.append(f"{place}: {image.name} is already in {places[image.name]}")
            places[image.name] = place
            complaints += _repeated(document, number, image)
            if (image.enable or force) and wanted.search(image.name):
                products.append(_product(image, place))
    if complaints:
        raise errors.ConfigError(complaints[0], details=tuple(complaints[1:]))
    return products


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the files to read, in a fixed order."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
    if not found:
        raise errors.InputMissing(
            f"{path} has no file that ends in .yml or .yaml", hint="check --images"
        )
    return found


def _images(document: yaml_lines.Document, *, check: bool, complaints: list[str]) -> list[_Image]:
    """Return the images of a file; what is wrong with it is added to the complaints."""
    kinds: tuple[type[pydantic.BaseModel], ...] = (schema.File, _File) if check else (_File,)
    try:
        for kind in kinds:
            read = kind.model_validate(document.value)
    except pydantic.ValidationError as error:
        complaints += yaml_lines.problems(document, error)
        return []
    assert isinstance(read, _File)
    return read.images


def _repeated(document: yaml_lines.Document, number: int, image: _Image) -> Iterator[str]:
    """Yield a complaint for each version that an image has twice."""
    known: set[str] = set()
    for index, version in enumerate(image.versions):
        if version.version in known:
            place = document.place(("images", number, "versions", index))
            yield f"{place}: version {version.version} of {image.name} is a duplicate"
        known.add(version.version)


def _product(image: _Image, place: str) -> catalog.Product:
    common = {"image_description": image.name, "image_name": image.name} | image.meta
    distribution = image.meta.get("os_distro")
    tags = {*image.tags, *([f"os:{distribution}"] if distribution else [])}
    versions = [_version(image, version, common) for version in image.versions]
    return catalog.Product(
        name=image.name,
        place=place,
        shortname=image.shortname or "",
        separator=" " if image.separator is None else image.separator,
        multi=image.multi,
        keep=bool(image.keep),
        disk_format=image.format,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        active=image.status == "active",
        tags=tuple(sorted(tags)),
        versions=tuple(sorted(versions, key=lambda version: catalog.natural(version.name))),
        latest_url=image.latest_url or "",
        latest_checksum_url=image.latest_checksum_url or "",
    )


def _version(image: _Image, version: _Version, common: dict[str, Any]) -> catalog.Version:
    build_date = version.build_date
    if isinstance(build_date, datetime.datetime):
        build_date = build_date.date()
    properties = {
        **common,
        "image_original_user": image.login,
        "image_source": version.source or _public(version.url),
        "image_build_date": build_date,
        "os_version": version.os_version or common.get("os_version"),
        **({} if image.multi else {"os_version": version.version}),
        "image_description": version.image_description or common["image_description"],
        **(version.meta or {}),
        "internal_version": version.version,
    }
    return catalog.Version(
        name=version.version,
        url=version.url,
        mirror_url=version.mirror_url or "",
        checksum=version.checksum or "",
        checksum_url=version.checksum_url or "",
        checksums_url=version.checksums_url or "",
        build_date=build_date,
        id=version.id or "",
        visibility=version.visibility or image.visibility,
        own_visibility=version.visibility is not None,
        hidden=version.hidden,
        properties=tuple(_texts(properties)),
    )


def _public(url: str) -> str:
    """Return a URL as all may see it: of a file only its name, of others no password."""
    if url.startswith("file:"):
        return f"file:{url.removeprefix('file:').rpartition('/')[2]}"
    return _PASSWORD.sub("//", url)


def _texts(properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield properties as Glance keeps them, sorted; ``null`` is none."""
    for key, value in sorted(properties.items()):
        if value is not None:
            yield key, str(value)
