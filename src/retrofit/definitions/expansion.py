"""From files of definitions to the images that are wanted, each with its name and its request."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Iterator

import pydantic

from .. import errors
from ..base_images import notation
from ..host import yaml_lines
from ..planning import run_request
from ..provenance import marks
from ..publishing import own_images
from . import agents, keys, run_definition, schema

_SUFFIXES = (".yaml", ".yml")
_PATHS = ("keyring", "ca_certificate", "work_dir", "cache_dir", "evidence")


@dataclasses.dataclass(frozen=True)
class Image:
    """An image that there should be.

    Attributes:
        name: The definition's name, and what of release, architecture and format it lists.
        definition: Name of the definition.
        run: The request in a person's words.
        request: The request.
        schedule: When the charm looks whether it has to be made anew; empty for the usual.
        place: File and line of the definition.
        tag_place: File and line of the tag by which it is found.
    """

    name: str
    definition: str
    run: run_definition.RunDefinition
    request: run_request.RunRequest
    schedule: str
    place: str
    tag_place: str

    @property
    def tag(self) -> str:
        """The tag by which services find it."""
        return own_images.Tag(self.run.amp_image_tag).certain

    def once(self, **changes: object) -> Image:
        """Return the image with some keys of its request changed for one run.

        Raises:
            errors.ConfigError: One of them makes no sense.
        """
        said = {name: getattr(self.run, name) for name in type(self.run).model_fields}
        run = run_definition.RunDefinition.parse(**said | changes)
        changed = dataclasses.replace(self, run=run, request=run.to_request())
        return changed.apart_from(self.request.target.in_glance().apart_from)

    def apart_from(self, tags: Iterable[str]) -> Image:
        """Return the image as one of several, of which others have these tags."""
        others = frozenset(tags) - {self.tag}
        target = dataclasses.replace(self.request.target.in_glance(), apart_from=others)
        return dataclasses.replace(self, request=dataclasses.replace(self.request, target=target))


def read(path: pathlib.Path, *, once: pathlib.Path | None = None) -> tuple[Image, ...]:
    """Return the images that are defined in a file, or in all YAML files of a directory.

    Args:
        path: The file or directory.
        once: File with keys of requests that are different this time, and ``images``, the names
            of those that are wanted this time, or of their definitions; need not exist.

    Raises:
        errors.InputMissing: It cannot be read, or the file does not exist in the directory.
        errors.ConfigError: A definition is wrong; the message names file and line.
    """
    files = sorted(file for file in path.glob("*") if file.suffix in _SUFFIXES)
    if path.is_dir() and not files:
        raise errors.InputMissing(
            f"{path} has no definitions",
            hint="the names of definitions files end in .yaml or .yml",
        )
    documents = [yaml_lines.read(file, yaml_lines.Words) for file in files or [path]]
    images = expand(documents)
    if once is None or not once.exists():
        return images
    changes = {
        name.replace("-", "_"): each for name, each in run_definition.read_object(once).items()
    }
    chosen = select(images, changes.pop("images", ()))
    return tuple(image.once(**changes) for image in chosen)


def select(images: tuple[Image, ...], names: object) -> tuple[Image, ...]:
    """Return the images of some names or definitions; all if there are no names.

    Raises:
        errors.ConfigError: Nothing has one of the names.
    """
    if not names:
        return images
    known = {name for image in images for name in (image.name, image.definition)}
    if not isinstance(names, list) or not known.issuperset(names):
        raise errors.ConfigError(
            f"no definition has the name {names!r}",
            hint=f"known: {', '.join(sorted(known))}",
        )
    return tuple(image for image in images if {image.name, image.definition} & set(names))


def parse(text: str, path: pathlib.Path) -> tuple[Image, ...]:
    """Return the images that a text defines, which messages call by a path; see :func:`read`."""
    content = text.encode("utf-8", errors="surrogatepass")
    return expand([yaml_lines.parse(content, path, yaml_lines.Words)])


def expand(documents: Iterable[yaml_lines.Document]) -> tuple[Image, ...]:
    """Return the images that documents define, in their order.

    Raises:
        errors.ConfigError: A definition is wrong, or two get into each other's way.
    """
    images = tuple(image for document in documents for image in _images(document))
    _check_names(images)
    _check_tags(images)
    tags = [image.tag for image in images]
    return tuple(image.apart_from(tags) for image in images)


@dataclasses.dataclass(frozen=True)
class _Definition:
    """A definition, and where its keys stand.

    Attributes:
        document: In which it is.
        number: Which of the definitions there it is.
        image: What it says, with the document's defaults.
        own: Keys that it has of its own.
        usual: Keys that are among the defaults.
    """

    document: yaml_lines.Document
    number: int
    image: schema.Image
    own: frozenset[str]
    usual: frozenset[str]

    def place(self, key: str, *rest: str | int) -> str:
        """Return file and line of a key."""
        here = ("images", self.number)
        if key in self.own:
            return self.document.place((*here, key.replace("_", "-"), *rest))
        if key in self.usual:
            return self.document.place(("defaults", key.replace("_", "-"), *rest))
        return self.document.place(here)

    def check(self) -> None:
        """Refuse what is wrong with it.

        Raises:
            errors.ConfigError: Something is.
        """
        for problem in schema.problems(self.image):
            raise errors.ConfigError(
                f"{self.place(str(problem.path[0]), *problem.path[1:])}: {problem.text}",
                hint=problem.hint,
            )

    def images(self) -> Iterator[Image]:
        """Yield the images that it stands for."""
        image = self.image
        for release, architecture, image_format in itertools.product(
            image.releases or ("",), image.architectures or ("",), image.formats or ("",)
        ):
            parts = (image.name, release, architecture, str(image_format))
            values = {"release": release, "architecture": architecture, "format": image_format}
            tag, *labels = (_filled(tag, values) for tag in image.tags)
            run = self._run(
                series=release,
                architecture=architecture,
                amp_image_tag=own_images.Tag(tag).moving,
                labels=labels,
                variant=self._variant(image_format),
                **({"image_format": image_format} if image_format else {}),
            )
            yield Image(
                name="-".join(filter(None, parts)),
                definition=image.name,
                run=run,
                request=self._request(run),
                schedule=image.schedule,
                place=self.place(""),
                tag_place=self.place("tags", 0),
            )

    def _variant(self, image_format: str) -> str:
        """Return what tells the images that it stands for from others in Glance, by name."""
        name = "" if self.image.name == self.image.recipe else self.image.name
        several = len(self.image.formats) > 1
        return "-".join(filter(None, (name, str(image_format) if several else "")))

    def _run(self, **values: object) -> run_definition.RunDefinition:
        """Return the request of one image."""
        image, directory = self.image, self.document.path.parent
        same = {name: getattr(image, name) for name in keys.Common.model_fields}
        paths = {name: directory / same[name] for name in _PATHS if same[name] is not None}
        for name in ("elements_paths", "scripts"):
            paths[name] = tuple(directory / path for path in same[name])
        for name in ("agent", "agent_constraints"):
            paths[name] = agents.below(directory, same[name])
        paths["copies"] = tuple(f"{directory / copy}" for copy in image.copies)
        try:
            return run_definition.RunDefinition.parse(
                **same
                | paths
                | values
                | {
                    "source": notation.below(directory, image.source),
                    "target": run_definition.GLANCE_PREFIX,
                    "uca_pocket": image.pocket,
                }
            )
        except errors.ConfigError as error:
            raise self._located(error) from error

    def _request(self, run: run_definition.RunDefinition) -> run_request.RunRequest:
        try:
            return run.to_request()
        except (errors.ConfigError, errors.InputMissing) as error:
            raise self._located(error) from error

    def _located(self, error: errors.RetrofitError) -> errors.RetrofitError:
        """Return an error of a definition that says where that stands."""
        return type(error)(f"{self.place('')}: {error.message}", hint=error.hint)


def _images(document: yaml_lines.Document) -> Iterator[Image]:
    """Yield the images that one document defines."""
    try:
        file = schema.File.model_validate(document.value)
    except pydantic.ValidationError as error:
        if _has_versions(document.value):
            raise errors.ConfigError(
                f"{document.path}: this is an image file of OpenStack Image Manager, and no "
                "definitions file",
                hint=f"retrofit manage --images {document.path}",
            ) from error
        known = [name.replace("_", "-") for name in schema.Image.model_fields]
        found = yaml_lines.problems(document, error, [*known, "defaults", "images"])
        raise errors.ConfigError(found[0]) from error
    usual = _said(file.defaults)
    for number, image in enumerate(file.images):
        own = _said(image)
        whole = schema.Image.model_validate(usual | own)
        definition = _Definition(document, number, whole, frozenset(own), frozenset(usual))
        definition.check()
        yield from definition.images()


def _has_versions(value: object) -> bool:
    """Tell whether a document lists images with versions, which no definition has."""
    images = value.get("images") if isinstance(value, dict) else None
    return isinstance(images, list) and any(
        isinstance(image, dict) and "versions" in image for image in images
    )


def _said(definition: schema.Definition) -> dict[str, object]:
    """Return the keys that were given."""
    return {name: getattr(definition, name) for name in definition.model_fields_set}


def _filled(tag: str, values: dict[str, str]) -> str:
    """Return a tag with the values of its placeholders."""
    for name, value in values.items():
        tag = tag.replace(f"{{{name}}}", value)
    return tag


def _check_names(images: Iterable[Image]) -> None:
    """Refuse two images of one name, by which plans and results tell them apart."""
    known: dict[str, Image] = {}
    for image in images:
        other = known.setdefault(image.name, image)
        if other is not image:
            raise errors.ConfigError(
                f"{image.place}: the name {image.name} is already used in {other.place}",
                hint="change one of the names",
            )


def _check_tags(images: Iterable[Image]) -> None:
    """Refuse two images that services would take for one: they ask by tag, for the newest."""
    listed = list(images)
    known: dict[str, Image] = {}
    for image in listed:
        other = known.setdefault(image.tag, image)
        if other is not image:
            raise _same_tag(image, other)
    for image in listed:
        for label in (*image.run.labels, marks.OWN_TAG):
            other = known.get(label, image)
            if other is not image:
                raise _same_tag(image, other, label)


def _same_tag(image: Image, other: Image, tag: str = "") -> errors.ConfigError:
    return errors.ConfigError(
        f"{image.tag_place}: {image.name} has the tag {tag or image.tag}, which identifies "
        f"{other.name} ({other.tag_place})",
        hint="services would select the newer image for both; use {release}, "
        "{architecture} or {format} in the tag",
    )
