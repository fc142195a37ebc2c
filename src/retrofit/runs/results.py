"""Results of runs, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import errors, model
from ..base_images import selection
from ..model import documents, findings
from ..model.documents import run_document
from ..planning import plan
from ..publishing import prune, publish, retention
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


def as_lines(result: one.RunResult) -> str:
    """Return a line for each file that was made of an image."""
    image = result.build
    assert image is not None
    what = f"{image.release.distribution} {image.release.series} {image.release.architecture}"
    return "\n".join(
        f"{file.path}: {what}, {file.size / model.MIB:.0f} MiB {file.file_format},"
        f" {len(image.packages)} packages"
        for file in image.files
    )


def as_json(result: one.RunResult) -> dict[str, Any]:
    """Return a result in the form of ``--json``: what of the result file is about an image."""
    known = told(result)
    whole = run_document.Result(outcome=result.outcome, **known)
    return whole.model_dump(mode="json", by_alias=True, include={*known})


def told(result: one.RunResult) -> dict[str, Any]:
    """Return what of the result file a run has found out, by the names of its attributes.

    The list of packages is left out for its length, and so is what apt was told of: they are in
    the image, the list also in the manifest that the snap's command writes.
    """
    return {
        "image": _image(result.build, result.published),
        "source": run_document.Source.model_validate(result.base) if result.base else None,
        "untrusted": untrusted(result.untrusted),
        "proof": findings.as_json(result.proof) if result.proof else None,
        "shadowing": shadowing(result.shadowing),
        "retired": retired(result.retired),
        "steps": tuple(map(step, result.steps)),
    }


def kept(error: errors.ProofFailed) -> run_document.Image | None:
    """Return the image that failed its proof, if it was kept."""
    if not error.image_id:
        return None
    return run_document.Image(id=error.image_id, name=error.image_name)


def shadowing(found: Iterable[object]) -> tuple[run_document.ShadowingImage, ...]:
    """Return shadowing images, :class:`retrofit.publishing.survey.ShadowingImage` each."""
    return tuple(map(run_document.ShadowingImage.model_validate, found))


def retired(pruning: prune.Pruning) -> run_document.Retired:
    """Return what became of images that nobody needs."""

    def steps(action: retention.Action) -> tuple[run_document.Retirement, ...]:
        return tuple(
            run_document.Retirement(id=step.image.id, name=step.image.name, reason=step.reason)
            for step in pruning.having(action)
        )

    return run_document.Retired(
        hidden=steps(retention.Action.HIDE),
        deleted=steps(retention.Action.DELETE),
        kept=steps(retention.Action.KEEP),
        problem=pruning.problem,
    )


def reasons(planned: plan.Plan) -> tuple[run_document.Reason, ...]:
    """Return the reasons of a plan that count."""
    return tuple(
        run_document.Reason(kind=reason.kind, text=reason.text)
        for reason in planned.reasons
        if reason.counts
    )


def untrusted(found: Iterable[selection.UntrustedImage]) -> tuple[documents.UntrustedImage, ...]:
    """Return images of untrusted projects that were not used as a base image."""
    return tuple(map(documents.UntrustedImage.model_validate, found))


def step(record: model.StepRecord) -> run_document.Step:
    """Return what a step cost."""
    return run_document.Step.model_validate(record)


def _image(
    built: model.BuildResult | None, published: publish.Published | None
) -> run_document.Image:
    """Return what is known of an image: of its file, and of what is in Glance."""
    known = (vars(built) if built else {}) | (vars(published) if published else {})
    return run_document.Image(
        **{name: known[name] for name in known if name in run_document.Image.model_fields}
    )
