"""Definitions of images: what a person writes in a file, and what has to hold in it.

A definition stands for one image of each release, architecture and format that it lists
(:mod:`retrofit.definitions.expansion`). The charm's plain options are a definition of one image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import json_schema

from .. import model, recipes
from ..base_images import notation
from ..host import calendars, urls
from ..model import releases
from . import keys

# What may stand in a tag, and the key that has to be given for it.
PLACEHOLDERS = {"release": "releases", "architecture": "architectures", "format": "formats"}
_TITLE = "Definitions of images"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _checked_schedule(value: str) -> str:
    if value:
        try:
            calendars.check(value)
        except ValueError as error:
            raise keys.wrong(f"it must be {error}") from error
    return value


_Release = Annotated[str, keys.Shaped("[a-z]+", "a series' first name, such as noble")]
_Architecture = Literal["x86_64", "aarch64", "armv7l", "ppc64le", "riscv64"]
_Schedule = Annotated[str, pydantic.AfterValidator(_checked_schedule)]


class Definition(keys.Common):
    """What a definition says of its images, and ``defaults`` of all of a file."""

    source: Annotated[str, pydantic.Field(min_length=1)] = notation.GLANCE
    """Where base images come from, as in a request."""

    distribution: Literal["ubuntu", "debian"] = "ubuntu"
    """``ubuntu`` or ``debian``."""

    releases: tuple[_Release, ...] = ()
    """Series of it; without any, Ubuntu's newest LTS."""

    architectures: tuple[_Architecture, ...] = ()
    """As Glance names them; without any, this machine's."""

    pocket: keys.Pocket = ""
    """Pocket of the Ubuntu Cloud Archive."""

    formats: tuple[model.ImageFormat, ...] = ()
    """Disk formats; without any, ``qcow2``."""

    tags: tuple[keys.Tag, ...] = ()
    """By the first of them services find the image; the others are plain labels. Each may have
    ``{release}``, ``{architecture}`` and ``{format}`` in it."""

    schedule: _Schedule = ""
    """When the charm looks whether they have to be made anew."""


class Image(Definition):
    """A definition."""

    name: keys.Name
    """What it is called; no two have the same."""


def _some(images: tuple[Image, ...]) -> tuple[Image, ...]:
    if not images:
        raise keys.wrong("it must have an item for each definition")
    return images


class File(pydantic.BaseModel):
    """A file of definitions."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    defaults: Definition = Definition()
    """What holds for each of its definitions that does not say it itself."""

    # What pydantic itself says of a length hides what is wrong with the items.
    images: Annotated[
        tuple[Image, ...],
        pydantic.AfterValidator(_some),
        pydantic.Field(json_schema_extra={"minItems": 1}),
    ]
    """The definitions."""


class Problem(NamedTuple):
    """What is wrong with a definition.

    Attributes:
        path: The key, and in a list the number of the item.
        text: What is wrong with it.
        hint: What it may be.
    """

    path: tuple[str | int, ...]
    text: str
    hint: str = ""


def schema() -> dict[str, Any]:
    """Return the JSON schema of a file (draft 2020-12)."""
    head = {"$schema": json_schema.GenerateJsonSchema.schema_dialect, "title": _TITLE}
    return {**head, **_readable(File.model_json_schema(by_alias=True))}


def problems(image: Image) -> Iterator[Problem]:
    """Yield what is wrong with a definition although each of its keys is right.

    Args:
        image: The definition, with the file's defaults in it.
    """
    if image.recipe in recipes.names():
        yield from _problems_of_systems(image)
    else:
        known = ", ".join(recipes.names())
        yield Problem(("recipe",), f"unknown recipe {image.recipe!r}", f"allowed: {known}")
    if notation.names_one(image.source) and max(len(image.releases), len(image.architectures)) > 1:
        yield Problem(
            ("source",),
            f"{urls.without_user(image.source)} is one base image, but several are needed",
            "use glance:, simplestreams: or bootstrap:",
        )
    if not image.tags:
        yield Problem(("tags",), "tags is missing", "services find an image by its first tag")
    for number, tag in enumerate(image.tags):
        yield from _problems_of_tag(image, number, tag)
    for key in PLACEHOLDERS.values():
        listed: tuple[str, ...] = getattr(image, key)
        for number, value in enumerate(listed):
            if value in listed[:number]:
                yield Problem((key, number), f"{value} is a duplicate")


def _problems_of_systems(image: Image) -> Iterator[Problem]:
    """Yield what is wrong with distribution, releases and pocket."""
    # The first one only: the others are as many as the system's tables of releases know.
    recipe = recipes.get(image.recipe)
    first = recipe.first_series.get(image.distribution)
    allowed = f"allowed: {first} and later releases" if first else ""
    for number, release in enumerate(image.releases):
        if releases.distribution_of(release) != image.distribution or not recipe.supports(release):
            yield Problem(
                ("releases", number),
                f"{release!r} is not a release of {image.distribution} that the recipe supports",
                allowed,
            )
    if image.distribution == "debian" and not image.releases:
        yield Problem(("releases",), "releases is missing for debian", allowed)
    if image.distribution == "debian" and image.pocket:
        yield Problem(
            ("pocket",), "the Ubuntu Cloud Archive has nothing for debian", "remove pocket"
        )


def _problems_of_tag(image: Image, number: int, tag: str) -> Iterator[Problem]:
    """Yield what is wrong with a tag's placeholders."""
    path = ("tags", number)
    for name in _PLACEHOLDER.findall(tag):
        if name not in PLACEHOLDERS:
            allowed = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            yield Problem(
                path, f"{{{name}}} in the tag {tag!r} is not a placeholder", f"allowed: {allowed}"
            )
        elif not getattr(image, PLACEHOLDERS[name]):
            key = PLACEHOLDERS[name]
            yield Problem(
                path,
                f"{{{name}}} in the tag {tag!r} needs {key}",
                f"list {key}, or remove the placeholder",
            )
    if re.search("[{}]", _PLACEHOLDER.sub("", tag)):
        yield Problem(path, f"the tag {tag!r} has a brace without its counterpart")


def _readable(part: Any) -> Any:
    """Return a part of the schema in a lasting order, with descriptions for people."""
    if isinstance(part, list):
        items = [_readable(item) for item in part]
        return sorted(items) if all(isinstance(item, str) for item in part) else items
    if not isinstance(part, dict):
        return part
    return {
        name: _plain(value) if _is_docstring(name, value) else _readable(value)
        for name, value in part.items()
        if name != "title"
    }


def _is_docstring(name: str, value: Any) -> bool:
    # A key of a definition may be called so, too.
    return name == "description" and isinstance(value, str)


def _plain(docstring: str) -> str:
    """Return the first paragraph of a docstring as one line, without its markup."""
    return " ".join(docstring.partition("\n\n")[0].replace("``", "").split())
