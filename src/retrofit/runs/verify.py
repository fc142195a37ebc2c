"""Proves one image, wherever it is; what ``retrofit verify`` does."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib

from .. import cloud, recipes
from ..base_images import origins
from ..host import progress, web
from ..host.sandbox import workshop
from ..model import findings
from ..proof import evidence, own_checks, prover, subject


@dataclasses.dataclass(frozen=True)
class VerifyRequest:
    """A proof that somebody asks for.

    Attributes:
        source: A file, or an image in Glance.
        recipe: Name of the recipe the image was made by.
        depth: How far to go.
        expected: What the image has to be.
        cloud: Which cloud, where the image is in Glance.
        evidence: Directory in which consoles and checks are kept; ``None`` keeps none.
        boot_timeout_s: Seconds a machine has until its service answers; ``None`` for what fits.
        properties: Properties that say what machines have, before those the image has in Glance.
        own: Checks of the operator's.
        firmwares: What machines are started by, each; none for what the properties say.
        work_base: Directory in which the work directory is made; ``None`` for the default.
    """

    source: origins.Source
    recipe: str
    depth: findings.Depth
    expected: subject.Expected
    cloud: cloud.Options
    evidence: pathlib.Path | None = None
    boot_timeout_s: float | None = None
    properties: tuple[tuple[str, str], ...] = ()
    own: tuple[own_checks.OwnCheck, ...] = ()
    firmwares: tuple[findings.Firmware, ...] = ()
    work_base: pathlib.Path | None = None


def verify(request: VerifyRequest, reporter: progress.Reporter) -> findings.Proof:
    """Prove an image; that it fails is a result, not an error.

    Raises:
        errors.RetrofitError: Something else than the image stood in the way.
    """
    recipe = recipes.get(request.recipe)
    with contextlib.ExitStack() as held:
        connect = cloud.connector(request.cloud, held)
        origin = request.source.find(connect, web.Access())
        properties: dict[str, str] = {}
        if origin.base is not None and origin.base.id:
            properties |= connect().image(origin.base.id).properties
        properties |= dict(request.properties)
        possible = recipe.architectures_of(origin.base)
        prover.check(
            recipe.name, recipe.checks, request.depth, possible, properties, request.firmwares
        )
        work = held.enter_context(workshop.work_directory(request.work_base))
        job = prover.Job(
            image=origin.bring(work, reporter),
            work=work,
            checks=recipe.checks(),
            depth=request.depth,
            expected=request.expected,
            boot_timeout_s=request.boot_timeout_s,
            properties=tuple(properties.items()),
            own=request.own,
            firmwares=request.firmwares,
        )
        proof = prover.prove(job, reporter)
        if request.evidence is not None:
            evidence.keep(job.evidence, proof, request.evidence)
        return proof
