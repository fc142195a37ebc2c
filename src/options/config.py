"""Configuration options and action parameters, checked before anything acts on them."""

from __future__ import annotations

import json
import pathlib
import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import pydantic
import pydantic_core

from options import image_files, rotation, uca, window
from retrofit import errors, model, recipes
from retrofit.host import calendars, urls
from retrofit.model import architectures, findings, reasons, releases, tags
from retrofit.provenance import marks

if TYPE_CHECKING:
    from retrofit.definitions import expansion

# What the engine takes: a release, and a series with kind before it or a kind behind it.
_POCKET = re.compile(r"([a-z]+-(updates|proposed)/)?[a-z]+([-/](updates|proposed))?")
_PROJECT = re.compile(r"[A-Za-z0-9-]{1,64}")
_DISTRIBUTIONS = ("ubuntu", "debian")
_DEFINITIONS = "image-definitions"
_TELLING = (_DEFINITIONS, image_files.NAME, "image-mirror")


def _is_supported(series: str, *distributions: str) -> bool:
    return releases.distribution_of(series) in distributions and releases.is_supported(series)


class WrongOption(Exception):
    """An option has a value that cannot be used; the text names it and what it may be."""


def _listed(value: str) -> tuple[str, ...]:
    """Return the words of an option; Juju has no lists, so commas or spaces stand between them."""
    return tuple(dict.fromkeys(value.replace(",", " ").split()))


_LISTED = pydantic.BeforeValidator(_listed)


class Options(pydantic.BaseModel):
    """The options of config.yaml; those without effect are left out."""

    model_config = pydantic.ConfigDict(
        frozen=True, alias_generator=lambda name: name.replace("_", "-"), extra="ignore"
    )

    ubuntu_mirror: str = ""
    uca_mirror: str = ""
    retrofit_series: str = ""
    retrofit_arch: str = ""
    retrofit_uca_pocket: str = ""
    image_format: model.ImageFormat = model.ImageFormat.QCOW2
    image_compression: model.Compression = model.Compression.ZSTD
    amp_image_tag: str = ""
    image_definitions: str = ""
    image_files: str = ""
    image_files_frequency: str = "daily"
    image_files_rotation: rotation.Rotation = rotation.Rotation.KEEP
    image_mirror: str = ""
    auto_retrofit: bool = False
    frequency: str = "daily"
    maintenance_window: str = ""
    rebuild_on: Annotated[tuple[reasons.Choice, ...], _LISTED] = reasons.USUAL
    source_projects: Annotated[tuple[str, ...], _LISTED] = ()
    proof_depth: findings.Depth = findings.Depth.BOOT
    keep_images: int = 3
    region: str = "RegionOne"
    debug: bool = False
    use_internal_endpoints: bool = False

    def definitions(self) -> dict[str, Any]:
        """Return what is defined: by the option for that, or by the plain ones."""
        if self.image_definitions:
            found: dict[str, Any] = _parse(self.image_definitions)
            return found
        named = uca.parse(self.uca_mirror)
        series = self.retrofit_series or named.series
        plain = {
            "name": recipes.DEFAULT,
            "distribution": releases.distribution_of(series),
            "releases": [series] if series else [],
            "architectures": [self.retrofit_arch] if self.retrofit_arch else [],
            "pocket": self.retrofit_uca_pocket or named.pocket,
            "formats": [str(self.image_format)],
            "tags": [self.amp_image_tag or marks.OWN_TAG],
        }
        return {"images": [plain]}

    def archives(self) -> dict[str, object]:
        """Return where packages come from unless a definition says otherwise, by its keys."""
        named = uca.parse(self.uca_mirror)
        found: dict[str, object] = {"mirror": self.ubuntu_mirror, "uca-mirror": named.mirror}
        if named.ppa:
            found["ppas"] = [named.ppa]
        if named.pocket:
            found["pocket"] = named.pocket
        return found

    def images(self) -> tuple[expansion.Image, ...]:
        """Return the images that are defined, without what is known of the cloud."""
        from retrofit.definitions import expansion

        defined = self.definitions()
        usual = {"keep": self.keep_images} | defined.get("defaults", {})
        text = json.dumps(defined | {"defaults": usual}, ensure_ascii=False)
        return expansion.parse(text, pathlib.Path(_DEFINITIONS))

    def sources(self) -> set[str]:
        """Return where base images come from, as results repeat it."""
        return {urls.without_user(image.run.source) for image in self.images()}

    def meant(self, name: str) -> tuple[expansion.Image, ...]:
        """Return the images that a name stands for: of an image, of a definition, or none.

        Raises:
            ValueError: Nothing is defined by that name; the text lists what is.
        """
        images = self.images()
        found = tuple(each for each in images if name in ("", each.name, each.definition))
        if not found:
            names = ", ".join(image.name for image in images)
            raise ValueError(f"definition={name} must select one of these images: {names}")
        return found

    def schedules(self) -> tuple[str, ...]:
        """Return when to look whether images have to be made: each schedule once."""
        defined = self.definitions()
        usual = defined.get("defaults", {}).get("schedule") or self.frequency
        return tuple(sorted({image.get("schedule") or usual for image in defined["images"]}))

    @pydantic.field_validator("ubuntu_mirror")
    @classmethod
    def _check_mirror(cls, value: str) -> str:
        # Juju's command line cannot pass a newline, so users of the existing charm write it as \n.
        lines = [line.strip() for line in value.replace("\\n", "\n").splitlines()]
        lines = [line for line in lines if line]
        for line in lines:
            if not line.startswith(("deb ", "deb-src ", "http://", "https://")):
                raise ValueError("a URL or lines that begin with deb")
        if len(lines) > 1 and not all(line.startswith("deb") for line in lines):
            raise ValueError("one URL, or only lines that begin with deb")
        return "\n".join(lines)

    @pydantic.field_validator("uca_mirror")
    @classmethod
    def _check_uca_mirror(cls, value: str) -> str:
        named = uca.parse(value)
        if named.series and not _is_supported(named.series, "ubuntu"):
            raise ValueError("cloud: with a series of Ubuntu, such as " + releases.newest_lts())
        return value.split("|")[0].strip()

    @pydantic.field_validator("retrofit_series")
    @classmethod
    def _check_series(cls, value: str, info: pydantic.ValidationInfo) -> str:
        named = uca.parse(info.data.get("uca_mirror", "")).series
        if value and named and value != named:
            raise ValueError(f"{named} or empty, since uca-mirror is for {named}")
        if value and not _is_supported(value, *_DISTRIBUTIONS):
            raise ValueError("a series of Ubuntu or Debian, such as " + releases.newest_lts())
        return value

    @pydantic.field_validator("retrofit_arch")
    @classmethod
    def _check_architecture(cls, value: str) -> str:
        if value and architectures.debian_architecture(value) not in architectures.OF_IMAGES:
            raise ValueError("one of " + ", ".join(architectures.OF_IMAGES))
        return architectures.kernel_architecture(value)

    @pydantic.field_validator("retrofit_uca_pocket")
    @classmethod
    def _check_pocket(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if value and uca.parse(info.data.get("uca_mirror", "")).pocket:
            raise ValueError("empty, since uca-mirror names a pocket")
        if value and not _POCKET.fullmatch(value):
            raise ValueError("a release of OpenStack, such as caracal or caracal/proposed")
        return value

    @pydantic.field_validator("amp_image_tag")
    @classmethod
    def _check_tag(cls, value: str) -> str:
        if value and not re.fullmatch(tags.PATTERN, value):
            raise ValueError(tags.MEANING)
        return value

    @pydantic.field_validator("image_definitions")
    @classmethod
    def _check_definitions(cls, value: str) -> str:
        if value.strip():
            _parse(value)
        return value.strip()

    @pydantic.field_validator("image_files")
    @classmethod
    def _check_image_files(cls, value: str) -> str:
        # A text keeps its lines, whose numbers are in messages.
        value = value if image_files.is_text(value) else value.strip()
        if value.strip():
            image_files.check(value)
        return value

    @pydantic.field_validator("image_mirror")
    @classmethod
    def _check_image_mirror(cls, value: str) -> str:
        if value:
            image_files.check_mirror(value)
        return value

    @pydantic.field_validator("frequency", "image_files_frequency")
    @classmethod
    def _check_frequency(cls, value: str) -> str:
        calendars.check(value)
        return value

    @pydantic.field_validator("maintenance_window")
    @classmethod
    def _check_window(cls, value: str) -> str:
        window.parse(value)
        return " ".join(value.split())

    @pydantic.field_validator("rebuild_on")
    @classmethod
    def _check_reasons(cls, value: tuple[reasons.Choice, ...]) -> tuple[reasons.Choice, ...]:
        if not value:
            raise ValueError("at least one of base, recipe, security and packages")
        return value

    @pydantic.field_validator("source_projects")
    @classmethod
    def _check_projects(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_PROJECT.fullmatch(each) for each in value):
            raise ValueError("IDs of projects, separated by commas")
        return value

    @pydantic.field_validator("keep_images")
    @classmethod
    def _check_number(cls, value: int) -> int:
        if value < 0:
            raise ValueError("the number of images to keep, or 0 to keep all")
        return value

    @pydantic.field_validator("region")
    @classmethod
    def _check_region(cls, value: str) -> str:
        if not value or any(character.isspace() for character in value):
            raise ValueError("the name of a region")
        return value


def image_id(text: str) -> str:
    """Return the ID of an image in Glance as Glance writes it.

    Raises:
        ValueError: The text is none.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not the ID of an image") from error


def load(values: Mapping[str, str | int | float | bool]) -> Options:
    """Return the options of the model's configuration.

    Args:
        values: Options by name as Juju gives them; unset ones are missing.

    Raises:
        WrongOption: One of them cannot be used.
    """
    try:
        return Options.model_validate(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        if name in _TELLING:
            # They say themselves what is wrong, and where; nothing of a URL may be repeated.
            raise WrongOption(f"wrong option {_allowed(first)}") from error
        raise WrongOption(
            f"wrong option {name}={first['input']!r}: it must be {_allowed(first)}"
        ) from error


def _parse(text: str) -> Any:
    """Return what the option image-definitions says.

    Raises:
        ValueError: It cannot be used; the message begins with its name and the line.
    """
    # Most models have none, and no hook of theirs has to load what this takes.
    from retrofit.definitions import expansion
    from retrofit.host import yaml_lines

    place = pathlib.Path(_DEFINITIONS)
    try:
        expansion.parse(text, place)
    except errors.RetrofitError as error:
        raise ValueError(str(error)) from error
    return yaml_lines.parse(text.encode(), place, yaml_lines.Words).value


def _allowed(error: pydantic_core.ErrorDetails) -> str:
    """Return what a refused option may be."""
    context = error.get("ctx", {})
    return str(context.get("expected") or context.get("error") or error["msg"])


class OfOne(pydantic.BaseModel):
    """Parameters of actions that are about one of the images that are defined."""

    definition: str = ""


class RetrofitImage(pydantic.BaseModel):
    """Parameters of the action retrofit-image."""

    definition: str = ""
    source_image: str = ""
    force: bool = False
    wait: bool = True


class ManageImages(pydantic.BaseModel):
    """Parameters of the action manage-images."""

    wait: bool = True


class ShowImage(OfOne):
    """Parameters of the action show-image."""

    image: str = ""


class DiffImages(OfOne):
    """Parameters of the action diff-images."""

    previous: str = pydantic.Field("", alias="from")
    current: str = pydantic.Field("", alias="to")


class PruneImages(OfOne):
    """Parameters of the action prune-images."""

    dry_run: bool = True


class RolloutImage(OfOne):
    """Parameters of the action rollout-image."""

    dry_run: bool = True
    max_parallel: int = 1
    pause: int = 0
    timeout: int = 1800


class VerifyImage(OfOne):
    """Parameters of the action verify-image."""

    image: str = ""
    depth: findings.Depth | None = None
