"""Reads image files into products."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import pydantic

from .. import errors
from ..host import yaml_lines
from . import catalog, schema

_LOG = logging.getLogger(__name__)

_SUFFIXES = (".yml", ".yaml")
# Of what was skipped, so much is named in the last line.
_NAMED = 3
_PASSWORD = re.compile(r"//[^/@]*@")


# Also without the algorithm, and in capitals.
_Checksum = Annotated[
    str,
    pydantic.StringConstraints(
        pattern="(?i)^("
        + "|".join(f"({name}:)?[0-9a-f]{{{digits}}}" for name, digits in schema.DIGITS.items())
        + ")$"
    ),
]


class _Part(pydantic.BaseModel):
    """What has to be there to work; what else is in a file, only the schema judges."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _Version(_Part):
    version: Annotated[str, pydantic.Field(min_length=1)]
    url: schema.Url
    build_date: datetime.datetime | datetime.date | None = None
    checksum: _Checksum | None = None
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
    min_disk: Annotated[int, pydantic.Field(ge=0)] | None = None
    min_ram: Annotated[int, pydantic.Field(ge=0)] = 0
    multi: bool = False
    password: str | None = None
    separator: str | None = None
    shortname: str | None = None
    tags: list[str] = []


class _File(_Part):
    images: list[Any]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What files ask for, as far as they can be understood.

    Attributes:
        products: What they ask for.
        problems: What is wrong with the rest: lines with file and line.
        skipped: Images and files that are left out for that.
    """

    products: tuple[catalog.Product, ...]
    problems: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def failures(self) -> list[errors.RetrofitError]:
        """Return what is to be reported in the end of what was left out."""
        if not self.skipped:
            return []
        more = len(self.skipped) - _NAMED
        named = [*self.skipped[:_NAMED], *([f"{more} more"] if more > 0 else [])]
        message = f"what cannot be understood was skipped: {', '.join(named)}"
        return [errors.Skipped(message, hint="correct what the lines above say")]


def read(path: pathlib.Path, *, check: bool, force: bool = False, pattern: str = "") -> Reading:
    """Read a file, or all of a directory that end in ``.yml`` or ``.yaml``.

    An image that cannot be understood is left out, and so is a file.

    Args:
        path: The file or directory.
        check: Whether everything has to be as the published schema says.
        force: Whether images that are not enabled count, too.
        pattern: Regular expression that is to be found in a name; empty takes all.

    Raises:
        errors.InputMissing: There is no such file.
        errors.UsageError: The pattern is not a regular expression.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise errors.UsageError(
            f"--filter {pattern!r} is not a regular expression: {error}"
        ) from error
    reader = _Reader(check)
    for file in _files(path):
        reader.file(file, needed=file == path)
    products = [
        _product(image, place)
        for image, place in reader.images.values()
        if (image.enable or force) and wanted.search(image.name)
    ]
    return Reading(tuple(products), tuple(reader.problems), tuple(reader.skipped))


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


class _Reader:
    """Takes what it understands of files, and notes the rest.

    Args:
        check: Whether everything has to be as the published schema says.

    Attributes:
        images: Images and their places, by name.
        problems: What is wrong.
        skipped: Images and files that are left out for that.
    """

    def __init__(self, check: bool) -> None:
        self._check = check
        self._places: dict[str, str] = {}
        self.images: dict[str, tuple[_Image, str]] = {}
        self.problems: list[str] = []
        self.skipped: list[str] = []

    def file(self, path: pathlib.Path, *, needed: bool) -> None:
        """Read a file; one that is needed has to be there."""
        try:
            document = yaml_lines.read(path)
            (schema.File if self._check else _File).model_validate(document.value)
        except pydantic.ValidationError as error:
            self._skip(str(path), yaml_lines.problems(document, error))
        except errors.RetrofitError as error:
            if needed and isinstance(error, errors.InputMissing):
                raise
            self._skip(str(path), [str(error)])
        else:
            for number, value in enumerate(document.value["images"]):
                self._image(document, number, value)

    def _image(self, document: yaml_lines.Document, number: int, value: Any) -> None:
        location = ("images", number)
        place = document.place(location)
        try:
            published = schema.Image.model_validate(value) if self._check else None
            image = _Image.model_validate(value)
        except pydantic.ValidationError as error:
            name = value.get("name") if isinstance(value, dict) else None
            label = f"{name} ({place})" if name else f"the image in {place}"
            self._skip(label, yaml_lines.problems(document, error, below=location))
            return
        if image.name in self._places:
            # Nobody knows which of them is meant: what is in Glance stays as it is.
            before = self._places[image.name]
            self._skip(
                f"{image.name} ({place})", [f"{place}: {image.name} is already in {before}"]
            )
            if self.images.pop(image.name, None) is not None:
                self.skipped.append(f"{image.name} ({before})")
            return
        self._places[image.name] = place
        repeated = list(_repeated(document, number, image))
        if repeated:
            self._skip(f"{image.name} ({place})", repeated)
            return
        self.images[image.name] = image, place
        for where, problem in published.unknown() if published else ():
            _LOG.warning("%s: %s", document.place((*location, *where)), problem)
        for index, version in enumerate(image.versions):
            if version.build_date is None and version.version != catalog.LATEST:
                at = document.place((*location, "versions", index))
                _LOG.warning(
                    "%s: version %s of %s has no build_date", at, version.version, image.name
                )

    def _skip(self, label: str, problems: Iterable[str]) -> None:
        self.skipped.append(label)
        self.problems += problems


def _repeated(document: yaml_lines.Document, number: int, image: _Image) -> Iterator[str]:
    """Yield a complaint for each version that an image has twice."""
    known: set[str] = set()
    for index, version in enumerate(image.versions):
        if version.version in known:
            place = document.place(("images", number, "versions", index))
            yield f"{place}: version {version.version} of {image.name} is a duplicate"
        known.add(version.version)


def _checksum(said: str | None) -> str:
    """Return a checksum with its algorithm, which its length tells if nothing else does."""
    algorithm, _, digest = (said or "").lower().rpartition(":")
    lengths = {digits: name for name, digits in schema.DIGITS.items()}
    return f"{algorithm or lengths[len(digest)]}:{digest}" if digest else ""


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
        min_disk=image.min_disk or 0,
        min_ram=image.min_ram,
        active=image.status == "active",
        tags=tuple(sorted(tags)),
        versions=tuple(sorted(versions, key=lambda version: catalog.natural(version.name))),
        latest_url=image.latest_url or "",
        latest_checksum_url=image.latest_checksum_url or "",
        provided_until=_day(image.meta.get("provided_until")),
        login=image.login,
        password=image.password or "",
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
    said = {**image.meta, **(version.meta or {})}
    return catalog.Version(
        name=version.version,
        url=version.url,
        mirror_url=version.mirror_url or "",
        checksum=_checksum(version.checksum),
        checksum_url=version.checksum_url or "",
        checksums_url=version.checksums_url or "",
        build_date=build_date,
        id=version.id or "",
        visibility=version.visibility or image.visibility,
        own_visibility=version.visibility is not None,
        hidden=version.hidden,
        properties=tuple(_texts(properties)),
        removed=tuple(sorted(key for key in said if properties[key] is None)),
        own_source=version.source is not None,
    )


def _day(said: object) -> datetime.date | None:
    """Return a date that may be in quotes; ``None`` for another value."""
    with contextlib.suppress(ValueError):
        return datetime.date.fromisoformat(str(said)[:10])
    return None


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
