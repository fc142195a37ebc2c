"""Definitions of images: what a person writes in a file, and what has to hold in it.

A definition stands for one image of each release, architecture and format that it lists
(:mod:`retrofit.definitions.expansion`). The charm's plain options are a definition of one image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import json_schema

from .. import model, recipes
from ..base_images import notation
from ..host import calendars
from . import keys

# What may stand in a tag, and the key that has to be given for it.
PLACEHOLDERS = {"release": "releases", "architecture": "architectures", "format": "formats"}
_TITLE = "Definitions of images"
# An entry of a docstring's section, with the lines that belong to it.
_ATTRIBUTE = re.compile(r"^ {8}(\w+): (.*(?:\n {9,}.*)*)", re.MULTILINE)
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
_Tag = Annotated[
    str, keys.Shaped(r"[^\s,]{1,255}", "1 to 255 characters, no space or comma among them")
]
_Schedule = Annotated[str, pydantic.AfterValidator(_checked_schedule)]


class Definition(keys.Common):
    """What a definition says of its images, and ``defaults`` of all of a file.

    Attributes:
        source: Where base images come from, as in a request.
        distribution: ``ubuntu`` or ``debian``.
        releases: Series of it; without any, Ubuntu's newest LTS.
        architectures: As Glance names them; without any, this machine's.
        pocket: Pocket of the Ubuntu Cloud Archive.
        formats: Disk formats; without any, ``qcow2``.
        tags: By the first of them services find the image; the others are plain labels. Each may
            have ``{release}``, ``{architecture}`` and ``{format}`` in it.
        schedule: When the charm looks whether they have to be made anew.
    """

    source: Annotated[str, pydantic.Field(min_length=1)] = notation.GLANCE
    distribution: Literal["ubuntu", "debian"] = "ubuntu"
    releases: tuple[_Release, ...] = ()
    architectures: tuple[_Architecture, ...] = ()
    pocket: keys.Pocket = ""
    formats: tuple[model.ImageFormat, ...] = ()
    tags: tuple[_Tag, ...] = ()
    schedule: _Schedule = ""


class Image(Definition):
    """A definition.

    Attributes:
        name: What it is called; no two have the same.
    """

    name: keys.Name


def _some(images: tuple[Image, ...]) -> tuple[Image, ...]:
    if not images:
        raise keys.wrong("it must have an item for each definition")
    return images


class File(pydantic.BaseModel):
    """A file of definitions.

    Attributes:
        defaults: What holds for each of its definitions that does not say it itself.
        images: The definitions.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    defaults: Definition = Definition()
    # What pydantic itself says of a length hides what is wrong with the items.
    images: Annotated[
        tuple[Image, ...],
        pydantic.AfterValidator(_some),
        pydantic.Field(json_schema_extra={"minItems": 1}),
    ]


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
    found = File.model_json_schema(by_alias=True)
    kinds = {kind.__name__: kind for kind in (File, Definition, Image)}
    head = {"$schema": json_schema.GenerateJsonSchema.schema_dialect, "title": _TITLE}
    return {**head, **_described(found, kinds)}


def problems(image: Image) -> Iterator[Problem]:
    """Yield what is wrong with a definition although each of its keys is right.

    Args:
        image: The definition, with the file's defaults in it.
    """
    if image.recipe in recipes.names():
        yield from _problems_of_systems(image)
    else:
        known = ", ".join(recipes.names())
        yield Problem(("recipe",), f"there is no recipe {image.recipe!r}", f"it may be {known}")
    if notation.names_one(image.source) and max(len(image.releases), len(image.architectures)) > 1:
        yield Problem(
            ("source",),
            f"{notation.shown(image.source)} is one base image, and more than one is needed",
            "it may be glance:, simplestreams: or bootstrap:",
        )
    if not image.tags:
        yield Problem(("tags",), "tags is missing", "services find an image by the first of them")
    for number, tag in enumerate(image.tags):
        yield from _problems_of_tag(image, number, tag)
    for key in PLACEHOLDERS.values():
        listed: tuple[str, ...] = getattr(image, key)
        for number, value in enumerate(listed):
            if value in listed[:number]:
                yield Problem((key, number), f"{value} is there twice")


def _problems_of_systems(image: Image) -> Iterator[Problem]:
    """Yield what is wrong with distribution, releases and pocket."""
    known = recipes.get(image.recipe).series(image.distribution)
    for number, release in enumerate(image.releases):
        if release not in known:
            yield Problem(
                ("releases", number),
                f"{release!r} is no release of {image.distribution} that images can be made of",
                f"it may be {', '.join(known)}",
            )
    if image.distribution == "debian" and not image.releases:
        yield Problem(
            ("releases",), "releases is missing for debian", f"it may be {', '.join(known)}"
        )
    if image.distribution == "debian" and image.pocket:
        yield Problem(
            ("pocket",), "the Ubuntu Cloud Archive has nothing for debian", "leave it out"
        )


def _problems_of_tag(image: Image, number: int, tag: str) -> Iterator[Problem]:
    """Yield what is wrong with a tag's placeholders."""
    path = ("tags", number)
    for name in _PLACEHOLDER.findall(tag):
        if name not in PLACEHOLDERS:
            allowed = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            yield Problem(
                path, f"{{{name}}} in the tag {tag!r} stands for nothing", f"it may be {allowed}"
            )
        elif not getattr(image, PLACEHOLDERS[name]):
            key = PLACEHOLDERS[name]
            yield Problem(
                path, f"{{{name}}} in the tag {tag!r} needs {key}", f"list {key}, or leave it out"
            )
    if re.search("[{}]", _PLACEHOLDER.sub("", tag)):
        yield Problem(path, f"a brace in the tag {tag!r} has no counterpart")


def _described(part: Any, kinds: Mapping[str, type[pydantic.BaseModel]]) -> Any:
    """Return a part of the schema in a lasting order, and with the meaning of each key."""
    if isinstance(part, list):
        described = [_described(item, kinds) for item in part]
        return sorted(described) if all(isinstance(item, str) for item in part) else described
    if not isinstance(part, dict):
        return part
    found = {name: _described(value, kinds) for name, value in part.items() if name != "title"}
    kind = kinds.get(str(part.get("title")))
    if kind is not None:
        for name, meaning in _meanings(kind).items():
            found["properties"][name]["description"] = meaning
    # What it says is said by those.
    return {name: value for name, value in found.items() if not _is_docstring(name, value)}


def _meanings(kind: type[pydantic.BaseModel]) -> dict[str, str]:
    """Return what each key of a model means, from the docstrings of its classes."""
    found = {}
    for each in reversed(kind.__mro__):
        _, _, attributes = (each.__doc__ or "").partition("Attributes:\n")
        for name, text in _ATTRIBUTE.findall(attributes):
            if name in kind.model_fields:
                found[name.replace("_", "-")] = " ".join(text.replace("``", "").split())
    return found


def _is_docstring(name: str, value: Any) -> bool:
    return name == "description" and isinstance(value, str) and "\n" in value
