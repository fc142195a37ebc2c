"""Plans in files: written for people and programs, and held against what holds later."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import pydantic

from .. import __version__, errors
from ..base_images import selection
from ..host import files
from ..model import documents
from ..model.documents import plan_document
from . import fingerprint, plan

_AGAIN = "plan again: retrofit plan"


def write(planned: Iterable[plan_document.Image]) -> str:
    """Return plans as JSON, from :func:`pin`."""
    file = plan_document.File(engine=__version__, images=tuple(planned))
    return file.model_dump_json(by_alias=True, indent=2)


def read(path: pathlib.Path, name: str) -> plan_document.Image:
    """Return what a plan file says of one image.

    Args:
        path: The file.
        name: Name of the request.

    Raises:
        errors.InputMissing: It cannot be read.
        errors.ConfigError: It is not a plan, or none of this image.
        errors.NewerDocument: A newer version of this project wrote it.
        errors.PlanOutdated: An older version of this project wrote it, and would make another
            image.
    """
    try:
        file = documents.parse(plan_document.File, files.content(path), path)
    except OSError as error:
        raise errors.InputMissing(f"cannot read the plan {path}: {error.strerror}") from error
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise errors.ConfigError(
            f"{path} is not a plan: {place}: {first['msg'].lower()}", hint=_AGAIN
        ) from error
    except ValueError as error:
        raise errors.ConfigError(f"{path} is not a plan", hint=_AGAIN) from error
    if file.engine != __version__:
        raise errors.PlanOutdated(
            f"the plan {path} is from version {file.engine} of this program, but this is "
            f"version {__version__}",
            hint=_AGAIN,
        )
    for image in file.images:
        if image.name == name:
            return image
    raise errors.ConfigError(
        f"the plan {path} does not contain {name}, only "
        + (", ".join(image.name for image in file.images) or "nothing"),
        hint=_AGAIN,
    )


def check(pinned: plan_document.Image, planned: plan.Plan, project_id: str) -> None:
    """Refuse a plan that is outdated.

    Args:
        pinned: The plan.
        planned: What would be planned now, for the base image that the plan names.
        project_id: The project in which images are made now.

    Raises:
        errors.PlanOutdated: Something is not as it was; the message names it.
    """
    why = _why_not(pinned, pin(pinned.name, planned, project_id))
    if why:
        raise errors.PlanOutdated(f"the plan for {pinned.name} is outdated: {why}", hint=_AGAIN)


def pin(
    name: str,
    planned: plan.Plan,
    project_id: str,
    untrusted: Iterable[selection.UntrustedImage] = (),
) -> plan_document.Image:
    """Return a plan in the form of the file.

    Args:
        name: Name of the request.
        planned: The plan.
        project_id: The project in which the image is made.
        untrusted: Images of untrusted projects that would be the base image otherwise.
    """
    wanted, base = planned.wanted, planned.wanted.base
    return plan_document.Image(
        name=name,
        action=planned.action,
        summary=planned.summary(),
        reasons=planned.reasons,
        project_id=project_id,
        tag=wanted.tag,
        base=plan_document.Base(
            id=base.id, name=base.name, hash=base.content_hash, version=base.version_name
        ),
        untrusted=tuple(map(documents.UntrustedImage.model_validate, untrusted)),
        image=plan_document.CurrentImage.model_validate(planned.image) if planned.image else None,
        fingerprint=wanted.fingerprint,
        inputs=fingerprint.tell(wanted.inputs),
    )


def _why_not(pinned: plan_document.Image, now: plan_document.Image) -> str:
    """Return what has changed since a plan was made; empty if nothing has."""
    if pinned.project_id != now.project_id:
        return f"it is for project {pinned.project_id}, but this is project {now.project_id}"
    if pinned.fingerprint != now.fingerprint:
        changed = fingerprint.differences(pinned.inputs, now.inputs)
        names = ", ".join(difference.name for difference in changed)
        return f"changed since: {names or 'the value of a variable'}"
    before, after = (one.image.id if one.image else "none" for one in (pinned, now))
    if before != after:
        return f"the current image is {after} now, not {before}"
    if pinned.packages != now.packages:
        moved = sorted(
            name
            for name in pinned.packages.keys() | now.packages.keys()
            if pinned.packages.get(name) != now.packages.get(name)
        )
        return f"the archives now have other versions of {', '.join(moved)}"
    if pinned.action is not now.action:
        return f"its action is {pinned.action}, but now it would be: {now.summary}"
    return ""
