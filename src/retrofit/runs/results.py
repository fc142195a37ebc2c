"""Results of runs, for people and for programs."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Iterable
from typing import Any

from .. import errors, model
from ..base_images import selection
from ..model import findings
from ..planning import plan
from ..publishing import prune, retention
from . import one


def as_line(result: one.RunResult) -> str:
    """Return the one line that tells what was made."""
    image = result.build
    if image is None:
        assert result.published is not None
        return f"{result.published.id} {result.published.name}: has the tag now"
    what = f"{image.release.distribution} {image.release.series} {image.release.architecture}"
    size = f"{image.size / model.MIB:.0f} MiB {image.image_format}"
    if result.published is None:
        return f"{image.image}: {what}, {size}, {len(image.packages)} packages"
    return f"{result.published.id} {result.published.name}: {what}, {size}"


def as_json(result: one.RunResult) -> dict[str, Any]:
    """Return a result in the form of ``--json`` and of the result file.

    The list of packages is left out for its length, and so is what apt was told of: they are in
    the image, the list also in the manifest that the snap's command writes.
    """
    return {
        "image": (_hyphenated(result.build, without=("packages", "apt")) if result.build else {})
        | (_hyphenated(result.published) if result.published else {}),
        "source": _hyphenated(result.base) if result.base else None,
        "foreign": untrusted(result.untrusted),
        "proof": findings.as_json(result.proof) if result.proof else None,
        "rivals": shadowing(result.shadowing),
        "retired": retired(result.retired),
        "steps": [step(record) for record in result.steps],
    }


def current(error: errors.UpToDate) -> dict[str, Any]:
    """Return the image that is up to date, in the form of the result file."""
    return {
        "id": error.image_id,
        "name": error.image_name,
        "created-at": _plain(error.created_at),
    }


def kept(error: errors.ProofFailed) -> dict[str, Any] | None:
    """Return the image that failed its proof, in the form of the result file, if it was kept."""
    return {"id": error.image_id, "name": error.image_name} if error.image_id else None


def shadowing(found: Iterable[object]) -> list[dict[str, Any]]:
    """Return the shadowing images (survey.ShadowingImage), in the form of the result file."""
    return [_hyphenated(image) for image in found]


def retired(pruning: prune.Pruning) -> dict[str, Any]:
    """Return what became of images that nobody needs, in the form of the result file."""

    def steps(action: retention.Action) -> list[dict[str, str]]:
        return [
            {"id": step.image.id, "name": step.image.name, "reason": step.reason}
            for step in pruning.having(action)
        ]

    return {
        "hidden": steps(retention.Action.HIDE),
        "deleted": steps(retention.Action.DELETE),
        "kept": steps(retention.Action.KEEP),
        "problem": pruning.problem,
    }


def reasons(planned: plan.Plan) -> list[dict[str, Any]]:
    """Return the reasons of a plan that count, in the form of the result file."""
    return [
        {"kind": reason.kind.value, "text": reason.text}
        for reason in planned.reasons
        if reason.counts
    ]


def untrusted(found: Iterable[selection.UntrustedImage]) -> list[dict[str, Any]]:
    """Return what was not used as a base image for its owner, in the form of the result file."""
    return [_hyphenated(image) for image in found]


def step(record: model.StepRecord) -> dict[str, Any]:
    """Return what a step cost, in the form of the result file."""
    return _hyphenated(record)


def _hyphenated(value: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Turn a dataclass into JSON's types, with hyphens in names as in all our files."""
    return {
        name.replace("_", "-"): _plain(item)
        for name, item in vars(value).items()
        if name not in without
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return _hyphenated(value)
    if isinstance(value, pathlib.Path):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
