"""Plans in files: written for people and programs, and held against what holds later.

The format is that of ``retrofit plan --json``; docs/reference/plan.md describes its keys.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable
from typing import Annotated, Any

import pydantic

from .. import __version__, errors, model
from ..base_images import selection
from ..model import documents
from . import fingerprint, plan

# Changes when the meaning of a key does.
_VERSION = 1
_AGAIN = "plan again: retrofit plan"


class Base(documents.Part):
    """The base image that is to be used."""

    id: str
    name: str
    hash: str
    version: str


class UntrustedImage(documents.Part):
    """As :class:`retrofit.base_images.selection.UntrustedImage`."""

    id: str
    name: str
    owner: str
    visibility: str


class Present(documents.Part):
    """The image that there is."""

    id: str
    name: str
    created_at: pydantic.AwareDatetime


class Change(documents.Part):
    """As :class:`retrofit.planning.plan.Change`."""

    name: str
    before: str
    after: str


class Reason(documents.Part):
    """As :class:`retrofit.planning.plan.Reason`."""

    kind: plan.Kind
    text: str
    counts: bool
    changes: tuple[Change, ...]


class Image(documents.Part):
    """What is to be done about one image, as :class:`retrofit.planning.plan.Plan`.

    Attributes:
        name: What the request is called.
        action: What is to be done.
        summary: What, and why, in one line.
        reasons: Why.
        project_id: The project in which it is made: the cloud, so to speak.
        tag: By which Octavia finds it.
        base: What it is to be made of.
        untrusted: What would have been the base image, but for its owner.
        image: What there is.
        fingerprint: Identity of the inputs.
        inputs: The inputs, as an image tells them.
    """

    name: str
    action: plan.Action
    summary: str
    reasons: tuple[Reason, ...]
    project_id: str
    tag: str
    base: Base
    untrusted: Annotated[tuple[UntrustedImage, ...], pydantic.Field(alias="foreign")]
    image: Present | None
    fingerprint: str
    inputs: dict[str, str]

    @property
    def base_image(self) -> model.BaseImage:
        """The base image, as far as it was kept."""
        base = self.base
        return model.BaseImage(
            id=base.id, name=base.name, content_hash=base.hash, version_name=base.version
        )

    @property
    def packages(self) -> dict[str, str]:
        """Version that each package is to be upgraded to, by its name."""
        kinds = (plan.Kind.SECURITY, plan.Kind.PACKAGES)
        return {
            change.name: change.after
            for reason in self.reasons
            if reason.kind in kinds
            for change in reason.changes
        }


class File(documents.Part):
    """A plan file.

    Attributes:
        version: Version of this format.
        engine: Version of this project.
        images: What is to be done.
    """

    version: Annotated[int, pydantic.Field(ge=1)]
    engine: str
    images: tuple[Image, ...]


def write(planned: Iterable[Image]) -> dict[str, Any]:
    """Return plans in JSON's types, from :func:`pin`."""
    file = File(version=_VERSION, engine=__version__, images=tuple(planned))
    return file.model_dump(mode="json", by_alias=True)


def read(path: pathlib.Path, name: str) -> Image:
    """Return what a plan file says of one image.

    Args:
        path: The file.
        name: Name of the request.

    Raises:
        errors.InputMissing: It cannot be read.
        errors.ConfigError: It is no plan, or none of this image.
        errors.PlanOutdated: Another version of this project wrote it.
    """
    try:
        content = json.loads(path.read_bytes())
        version = content.get("version"), content.get("engine")
    except OSError as error:
        raise errors.InputMissing(f"cannot read the plan {path}: {error.strerror}") from error
    except (ValueError, AttributeError) as error:
        raise errors.ConfigError(f"{path} is no plan", hint=_AGAIN) from error
    if None in version:
        raise errors.ConfigError(f"{path} is no plan", hint=_AGAIN)
    if version != (_VERSION, __version__):
        raise errors.PlanOutdated(
            f"the plan {path} is of version {version[1]} of this program, which is {__version__}",
            hint=_AGAIN,
        )
    try:
        file = File.model_validate(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise errors.ConfigError(
            f"{path} is no plan: {place}: {first['msg'].lower()}", hint=_AGAIN
        ) from error
    for image in file.images:
        if image.name == name:
            return image
    raise errors.ConfigError(
        f"the plan {path} says nothing of {name}, only of "
        + (", ".join(image.name for image in file.images) or "nothing"),
        hint=_AGAIN,
    )


def check(pinned: Image, planned: plan.Plan, project_id: str) -> None:
    """Refuse a plan that does not hold any more.

    Args:
        pinned: The plan.
        planned: What would be planned now, for the base image that the plan names.
        project_id: The project in which images are made now.

    Raises:
        errors.PlanOutdated: Something is not as it was; the message names it.
    """
    why = _why_not(pinned, pin(pinned.name, planned, project_id))
    if why:
        raise errors.PlanOutdated(
            f"the plan for {pinned.name} does not hold any more: {why}", hint=_AGAIN
        )


def pin(
    name: str,
    planned: plan.Plan,
    project_id: str,
    untrusted: Iterable[selection.UntrustedImage] = (),
) -> Image:
    """Return a plan in the form of the file.

    Args:
        name: Name of the request.
        planned: The plan.
        project_id: The project in which the image is made.
        untrusted: What would have been the base image, but for its owner.
    """
    wanted, present = planned.wanted, planned.image
    return Image(
        name=name,
        action=planned.action,
        summary=planned.summary(),
        reasons=tuple(
            Reason(
                kind=reason.kind,
                text=reason.text,
                counts=reason.counts,
                changes=tuple(Change(**vars(change)) for change in reason.changes),
            )
            for reason in planned.reasons
        ),
        project_id=project_id,
        tag=wanted.tag,
        base=_base(wanted.base),
        untrusted=tuple(UntrustedImage(**vars(image)) for image in untrusted),
        image=present and Present(id=present.id, name=present.name, created_at=present.created_at),
        fingerprint=wanted.fingerprint,
        inputs=fingerprint.tell(wanted.inputs),
    )


def _why_not(pinned: Image, now: Image) -> str:
    """Return what has changed since a plan was made; empty if nothing has."""
    if pinned.project_id != now.project_id:
        return f"it is for project {pinned.project_id}, and this is {now.project_id}"
    if pinned.fingerprint != now.fingerprint:
        changed = fingerprint.differences(pinned.inputs, now.inputs)
        names = ", ".join(difference.name for difference in changed)
        return f"changed since: {names or 'the user of an archive, or the value of a variable'}"
    before, after = (one.image.id if one.image else "none" for one in (pinned, now))
    if before != after:
        return f"the present image is {after} now, not {before}"
    if pinned.packages != now.packages:
        moved = sorted(
            name
            for name in pinned.packages.keys() | now.packages.keys()
            if pinned.packages.get(name) != now.packages.get(name)
        )
        return f"the archives have other versions now of {', '.join(moved)}"
    if pinned.action is not now.action:
        return f"it says {pinned.action}, and now it would be: {now.summary}"
    return ""


def _base(base: model.BaseImage) -> Base:
    return Base(id=base.id, name=base.name, hash=base.content_hash, version=base.version_name)
