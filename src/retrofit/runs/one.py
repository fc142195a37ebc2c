"""One run from a source to a target: find the base image, build, deliver or publish.

This is what ``retrofit image`` and the charm's service call. All that talks to a cloud or touches
the caller's files happens here, outside the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence

from .. import cloud, errors, model, recipes
from ..base_images import origins, selection
from ..building import layers, outputs, pipeline
from ..building.elements import collect
from ..host import locks, progress
from ..host.sandbox import workshop
from ..model import findings, reasons
from ..model.documents import plan_document, run_document
from ..planning import fingerprint, plan, plan_files, planner, run_request, upgrades
from ..proof import gate, prover
from ..provenance import description, marks
from ..publishing import (
    companions,
    glance_target,
    naming,
    own_images,
    prune,
    publish,
    survey,
)

_LOG = logging.getLogger(__name__)

# What to do where nothing is to be done.
ALL_THE_SAME = "use force to build it again"


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How a run ended that came to its end.

    Attributes:
        outcome: What came of it: an image was made, one got the tag, or all was up to date.
        untrusted: Images of untrusted projects that were not used as the base image.
        base: What the base image's publisher says of it; ``None`` for a file.
        build: The image that was made; its path is the target's, or gone where it was published.
        published: The image in Glance, where it went there or was there.
        proof: How the image was proved, if it was.
        message: Why there was nothing to do; empty if something was done.
        hint: What to do if something is to be done all the same.
        shadowing: What Octavia selects instead of it.
        retired: What became of images that it, or one before it, has replaced.
        steps: What each step cost, in order.
    """

    outcome: run_document.Outcome
    untrusted: tuple[selection.UntrustedImage, ...]
    base: model.BaseImage | None = None
    build: model.BuildResult | None = None
    published: publish.Published | None = None
    proof: findings.Proof | None = None
    message: str = ""
    hint: str = ""
    shadowing: tuple[survey.ShadowingImage, ...] = ()
    retired: prune.Pruning = prune.Pruning()  # noqa: RUF009 -- frozen
    steps: tuple[model.StepRecord, ...] = ()


def run(
    request: run_request.RunRequest,
    reporter: progress.Reporter,
    *,
    pin: plan_document.Image | None = None,
    on_plan: Callable[[planner.Planned], None] | None = None,
    turns: pathlib.Path | None = None,
) -> RunResult:
    """Do a run.

    Args:
        request: What is wanted.
        reporter: Told of the steps.
        pin: What was planned, if nothing else is to be done.
        on_plan: Told of what is planned for Glance.
        turns: File by which runs that one command does side by side take turns at changing what
            is in Glance; that command keeps others out. ``None`` for a run that is alone.

    Raises:
        errors.PlanOutdated: What was planned cannot be done any more.
        errors.ConfigError: Something was planned, and the target is a file.
        errors.ProofFailed: The image was made, and is not what it has to be.
        errors.Busy: Another run writes the same file.
        errors.RetrofitError: Something else stood in the way; nothing half-done is left.
    """
    if pin is not None:
        # A plan is for Glance.
        request.target.in_glance()
    recipe = recipes.get(request.build.recipe)
    with contextlib.ExitStack() as held:
        if turns is None:
            held.enter_context(
                request.target.hold(force=request.force, work_base=request.work_base)
            )
        connect = cloud.connector(request.cloud, held)
        origin = planner.find(request, connect, pin)
        possible = recipe.architectures_of(origin.base)
        properties = dict(recipe.glance.properties) | dict(request.target.properties)
        proof = request.proof
        prover.check(
            recipe.name, recipe.checks, proof.depth, possible, properties, proof.firmwares
        )
        recorder = progress.Recorder(reporter)
        current = _Run(request, recipe, origin, connect, held, recorder, turns, pin, on_plan)
        return request.target.deliver(current)


def up_to_date(planned: planner.Planned) -> RunResult:
    """Return the result of a run that was planned to do nothing."""
    image = planned.plan.image
    assert image is not None
    return RunResult(
        run_document.Outcome.UP_TO_DATE,
        planned.untrusted,
        published=publish.described(image),
        message=planned.plan.summary(),
        hint=ALL_THE_SAME,
    )


def conclude(
    connection: cloud.Cloud,
    recipe: recipes.Recipe,
    result: RunResult,
    target: glance_target.GlanceTarget,
    own: own_images.OwnImages,
) -> RunResult:
    """Do the last step of a run: register the image, and retire what nobody needs any more.

    It is the same whatever the run has done, so the next run makes up for one that was killed.

    Args:
        connection: Where the image is.
        recipe: By which it was made.
        result: What the run did.
        target: How the image was to be published.
        own: Our images of the target's tag.
    """
    if recipe.register is not None and result.published is not None:
        recipe.register(connection, result.published.id)
    retired = prune.retire(connection, own, target.keep)
    # Nobody selects images of a kind by their tag unless a service runs machines of them.
    shadowing = publish.shadowing(connection, own) if recipe.fleet is not None else ()
    return dataclasses.replace(result, retired=retired, shadowing=shadowing)


@dataclasses.dataclass(frozen=True)
class _Run:
    """A run whose base image is known.

    Attributes:
        request: What is wanted.
        recipe: By which it is made.
        origin: The base image.
        connect: Connects to the cloud.
        held: Holds what is in use until the run ends.
        recorder: Told of the steps.
        turns: As for :func:`run`.
        pin: As for :func:`run`.
        on_plan: As for :func:`run`.
    """

    request: run_request.RunRequest
    recipe: recipes.Recipe
    origin: origins.Origin
    connect: Callable[[], cloud.Cloud]
    held: contextlib.ExitStack
    recorder: progress.Recorder
    turns: pathlib.Path | None
    pin: plan_document.Image | None
    on_plan: Callable[[planner.Planned], None] | None

    def to_file(self, path: pathlib.Path) -> RunResult:
        """Make the image, prove it and put it where it was asked for."""
        work = self._work()
        built, proof = self._proven(work, str(path))
        outputs.deliver(built.image, path)
        return self._delivered(dataclasses.replace(built, image=path), proof)

    def to_files(self, paths: Sequence[tuple[model.FileFormat, pathlib.Path]]) -> RunResult:
        """Make the image, prove it and put its files where they were asked for."""
        work = self._work()
        base = planner.base_image(self.origin)
        describe = self._describing(base, planner.inputs(self.request.build, base))
        built, proof = self._proven(work, str(paths[0][1]))
        moment = self.request.build.source_date
        # What lies beside files that are the same bit for bit is the same, too.
        now = datetime.datetime.now(datetime.timezone.utc)
        if moment is not None:
            now = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
        made_of = describe(built, now=now)
        pairs = []
        for made, (_, path) in zip(built.files, paths, strict=True):
            pairs.append((made.path, path))
            pairs += companions.write(made, path, made_of, built.packages)
        outputs.deliver_together(pairs)
        delivered = tuple(
            dataclasses.replace(made, path=path)
            for made, (_, path) in zip(built.files, paths, strict=True)
        )
        return self._delivered(dataclasses.replace(built, files=delivered), proof)

    def _proven(
        self, work: pathlib.Path, name: str
    ) -> tuple[model.BuildResult, findings.Proof | None]:
        """Make the image and prove it, before anything of it is put where it is to stay."""
        built = self._build(work)
        checks = self._gate(built, work, ())
        proof = checks.prove()
        if proof is not None and not proof.passed:
            raise findings.refusal(proof, name, kept=checks.keep(proof, ""))
        return built, proof

    def _delivered(self, built: model.BuildResult, proof: findings.Proof | None) -> RunResult:
        return RunResult(
            run_document.Outcome.PUBLISHED,
            self.origin.untrusted,
            self.origin.base,
            built,
            proof=proof,
            steps=tuple(self.recorder.records),
        )

    def to_glance(self, target: glance_target.GlanceTarget) -> RunResult:
        """Plan, and do what is planned."""
        connection = self.connect()
        with locks.turn(self.turns):
            own = publish.tidy(connection, target.amp_image_tag)
        planned = planner.plan_image(
            self.request, self.origin, connection, target, upgrades.Inquiry(), own
        )
        if self.pin is not None:
            plan_files.check(self.pin, planned, connection.project_id)
        if self.on_plan is not None:
            self.on_plan(planner.Planned(planned, self.origin.untrusted))
        if planned.action is reasons.Action.BUILD:
            result = self._publish(connection, planned, target)
        elif planned.action is reasons.Action.RETAG:
            result = self._retag(connection, planned, target)
        else:
            result = up_to_date(planner.Planned(planned, self.origin.untrusted))
        if planned.action is not reasons.Action.NONE:
            own = publish.look_again(connection, own)
        with locks.turn(self.turns):
            concluded = conclude(connection, self.recipe, result, target, own)
        return dataclasses.replace(concluded, steps=tuple(self.recorder.records))

    def _retag(
        self, connection: cloud.Cloud, planned: plan.Plan, target: glance_target.GlanceTarget
    ) -> RunResult:
        """Give the existing image the tag and its metadata."""
        assert planned.image is not None
        with locks.turn(self.turns):
            tagged = publish.retag(
                connection, planned.image, target.amp_image_tag, target.appearance
            )
        return RunResult(
            run_document.Outcome.TAGGED,
            self.origin.untrusted,
            self.origin.base,
            published=tagged,
        )

    def _publish(
        self, connection: cloud.Cloud, planned: plan.Plan, target: glance_target.GlanceTarget
    ) -> RunResult:
        """Make the image that is planned, and publish it."""
        wanted = planned.wanted
        describe = self._describing(wanted.base, wanted.inputs)
        work = self._work()
        built = self._build(work)
        now = datetime.datetime.now(datetime.timezone.utc)
        made_of = describe(built, now=now)
        described = naming.describe(
            built,
            self.origin.base,
            recipe=self.recipe.name,
            kind=self.recipe.glance,
            fingerprint=wanted.fingerprint,
            tag=wanted.tag,
            keep=target.keep,
            built_on=now.date(),
            variant=target.variant,
            appearance=target.appearance,
            further=(
                *description.properties(made_of, built.packages),
                (marks.INPUTS, plan.write_inputs(wanted.inputs)),
            ),
        )
        publication = publish.publish(
            connection,
            built.image,
            described,
            hashes={"sha256": built.sha256, "sha512": built.sha512},
            same_fingerprint=planned.same_fingerprint,
            gate=self._gate(built, work, described.properties),
            reporter=self.recorder,
            turn=functools.partial(locks.turn, self.turns),
        )
        image = publication.image
        if publication.another:
            return RunResult(
                run_document.Outcome.UP_TO_DATE,
                self.origin.untrusted,
                published=image,
                message="another run published the same image in the meantime: "
                f"{image.name} ({image.id})",
                hint=ALL_THE_SAME,
            )
        return RunResult(
            run_document.Outcome.PUBLISHED,
            self.origin.untrusted,
            self.origin.base,
            built,
            image,
            publication.proof,
        )

    def _work(self) -> pathlib.Path:
        """Make the work directory of the build."""
        return self.held.enter_context(workshop.work_directory(self.request.work_base))

    def _build(self, work: pathlib.Path) -> model.BuildResult:
        elements = work / "elements"
        collect.collect(self.recipe, self.request.build, elements)
        source = self.origin.bring(work, self.recorder)
        # A layer belongs to the bits of its base image.
        # What a person does in a shell is in no input of a layer.
        repeatable = self.origin.repeatable and not self.request.breaks
        kept = layers.directory(self.request.cache) if repeatable else None
        job = pipeline.Job(
            source=source,
            work=work,
            elements=elements,
            recipe=self.recipe,
            request=self.request.build,
            base_hash=self.origin.content_hash(),
            layers=kept,
            breaks=self.request.breaks,
            keep_failed=self.request.keep_failed,
        )
        try:
            return pipeline.build(job, self.recorder)
        except errors.RetrofitError:
            if job.failed.exists():
                _LOG.warning("the tree of the failed build is in %s", workshop.keep(job.failed))
            raise

    def _describing(
        self, base: model.BaseImage, inputs: Mapping[str, str]
    ) -> Callable[..., description.Provenance]:
        """Return what describes an image that is made of these, once it is made.

        What its sources are at is asked for here: their servers may be away after a build.
        """
        return functools.partial(
            description.describe,
            base=base,
            request=self.request.build,
            elements_digest=fingerprint.elements(inputs),
            releases=collect.releases(self.recipe),
            sources=collect.fetched(self.recipe, self.request.build),
        )

    def _gate(
        self,
        built: model.BuildResult,
        work: pathlib.Path,
        properties: tuple[tuple[str, str], ...],
    ) -> gate.Gate:
        return gate.Gate(
            self.request.proof,
            built,
            checks=self.recipe.checks(),
            properties=properties,
            work=work,
            reporter=self.recorder,
        )
