"""One run from a source to a target: find the base image, build, deliver or publish.

This is what ``retrofit image`` and the charm's service call. All that talks to a cloud or touches
the caller's files happens here, outside the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import pathlib
from collections.abc import Callable

from . import (
    cloud,
    findings,
    fingerprint,
    gate,
    layers,
    lock,
    model,
    naming,
    pipeline,
    progress,
    provenance,
    prover,
    publish,
    recipes,
    survey,
    targets,
    web,
)
from .elements import collect
from .sandbox import workshop
from .sources import finding, origins, selection


@dataclasses.dataclass(frozen=True)
class CloudOptions:
    """Which cloud to use, and how.

    Attributes:
        name: Entry of clouds.yaml; without one the ``OS_*`` variables count.
        region: Region of the image service; without one the cloud's default.
        interface: Endpoint type, ``public``, ``internal`` or ``admin``; without one the default.
    """

    name: str | None = None
    region: str | None = None
    interface: str | None = None


@dataclasses.dataclass(frozen=True)
class GlanceTarget:
    """Publish in Glance, found by Octavia through ``amp_image_tag``."""

    amp_image_tag: str


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: from where, to where, what.

    Attributes:
        source: Where the base image is to come from.
        target: A file, or Glance.
        build: What to make.
        force: Replace the file, or publish although the same image is published already.
        proof: How it is to be proved before it is delivered or tagged.
        cloud: Which cloud, where one is involved.
        work_base: Directory in which the work directory is made; ``None`` for the default.
        cache: Directory for what builds share; ``None`` for the default.
    """

    source: finding.Source
    target: pathlib.Path | GlanceTarget
    build: model.BuildRequest
    force: bool = False
    proof: gate.Wanted = dataclasses.field(default_factory=gate.Wanted)
    cloud: CloudOptions = CloudOptions()
    work_base: pathlib.Path | None = None
    cache: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run made.

    Attributes:
        build: The image; its path is the target's, or gone where it was published.
        base: What the base image's publisher says of it; ``None`` for a file.
        foreign: What would have been the base image, but for its owner.
        published: The image in Glance, where it went there.
        proof: How the image was proved, if it was.
        rivals: What Octavia takes in its place.
        steps: What each step cost, in order.
    """

    build: model.BuildResult
    base: model.BaseImage | None
    foreign: tuple[selection.Foreign, ...]
    published: publish.Published | None
    proof: findings.Proof | None
    rivals: tuple[survey.Rival, ...]
    steps: tuple[model.StepRecord, ...]


def run(request: RunRequest, reporter: progress.Reporter) -> RunResult:
    """Do a run.

    Args:
        request: What is wanted.
        reporter: Told of the steps.

    Raises:
        errors.UpToDate: Exactly this image is published already.
        errors.ProofFailed: The image was made, and is not what it has to be.
        errors.Busy: Another run writes the same file.
        errors.RetrofitError: Something else stood in the way; nothing half-done is left.
    """
    recipe = recipes.get(request.build.recipe)
    prover.check(recipe, request.proof.depth)
    with contextlib.ExitStack() as held:
        held.enter_context(_locked(request))
        connect = connector(request.cloud, held)
        access = web.Access(request.build.proxies, request.build.ca_certificate)
        origin = finding.find(request.source, connect, access)
        work = held.enter_context(workshop.work_directory(request.work_base))
        elements = work / "elements"
        collect.collect(recipe, request.build, elements)
        current = _Run(request, recipe, origin, work, elements, progress.Recorder(reporter))
        if isinstance(request.target, pathlib.Path):
            return current.to_file(request.target)
        return current.to_glance(connect(), request.target.amp_image_tag)


@dataclasses.dataclass(frozen=True)
class _Run:
    """A run whose base image and elements are known.

    Attributes:
        request: What is wanted.
        recipe: By which it is made.
        origin: The base image.
        work: The work directory.
        elements: Directory below ``work`` with all elements.
        recorder: Told of the steps.
    """

    request: RunRequest
    recipe: recipes.Recipe
    origin: origins.Origin
    work: pathlib.Path
    elements: pathlib.Path
    recorder: progress.Recorder

    def to_file(self, target: pathlib.Path) -> RunResult:
        """Make the image, prove it and put it where it was asked for."""
        built = self._build()
        checks = self._gate(built)
        proof = checks.prove()
        if proof is not None and not proof.passed:
            raise findings.refusal(proof, str(target), kept=checks.keep(proof, ""))
        targets.deliver(built.image, target)
        made = dataclasses.replace(built, image=target)
        return self._result(made, published=None, proof=proof, rivals=())

    def to_glance(self, connection: cloud.Cloud, tag: str) -> RunResult:
        """Make the image and publish it, if that is not done already."""
        base = dataclasses.replace(
            self.origin.base or model.BaseImage(name=self.origin.name),
            content_hash=self.origin.content_hash(),
        )
        elements_digest = collect.digest(self.elements)
        mark = fingerprint.compute(
            base=base.content_hash, elements=elements_digest, request=self.request.build
        )
        publish.tidy(connection, tag)
        if not self.request.force:
            publish.check_current(connection, mark, tag=tag, depth=self.request.proof.depth)
        built = self._build()
        made_of = provenance.describe(
            built,
            base=base,
            request=self.request.build,
            elements_digest=elements_digest,
            releases=collect.releases(self.recipe),
            now=datetime.datetime.now(datetime.UTC),
        )
        description = naming.describe(
            built,
            self.origin.base,
            recipe=self.recipe.name,
            fingerprint=mark,
            tag=tag,
            further=provenance.properties(made_of, built.packages),
        )
        published, proof = publish.publish(
            connection,
            built.image,
            description,
            hashes={"sha256": built.sha256, "sha512": built.sha512},
            gate=self._gate(built),
            reporter=self.recorder,
        )
        rivals = publish.rivals(connection, tag)
        return self._result(built, published=published, proof=proof, rivals=rivals)

    def _build(self) -> model.BuildResult:
        source = self.origin.bring(self.work, self.recorder)
        job = pipeline.Job(
            source=source,
            work=self.work,
            elements=self.elements,
            request=self.request.build,
            base_hash=self.origin.content_hash(),
            layers=layers.directory(self.request.cache),
        )
        return pipeline.build(job, self.recorder)

    def _gate(self, built: model.BuildResult) -> gate.Gate:
        return gate.Gate(
            self.request.proof,
            built,
            recipe=self.recipe.name,
            work=self.work,
            reporter=self.recorder,
        )

    def _result(
        self,
        built: model.BuildResult,
        *,
        published: publish.Published | None,
        proof: findings.Proof | None,
        rivals: tuple[survey.Rival, ...],
    ) -> RunResult:
        steps = tuple(self.recorder.records)
        origin = self.origin
        return RunResult(built, origin.base, origin.foreign, published, proof, rivals, steps)


def connector(options: CloudOptions, held: contextlib.ExitStack) -> Callable[[], cloud.Cloud]:
    """Return what connects to the cloud when that is first needed, and closes it in the end."""

    @functools.cache
    def connect() -> cloud.Cloud:
        connection = cloud.connect(
            options.name, region=options.region, interface=options.interface
        )
        return held.enter_context(contextlib.closing(connection))

    return connect


def _locked(request: RunRequest) -> contextlib.AbstractContextManager[None]:
    """Keep other runs from making the same file, or from publishing beside this one."""
    if isinstance(request.target, pathlib.Path):
        targets.check(request.target, force=request.force)
        return lock.hold(targets.beside(request.target, "lock"), f"writes {request.target}")
    return lock.publishing(request.work_base)
