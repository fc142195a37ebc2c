"""The actions about images in Glance: plan, show, diff, verify, roll out, roll back, prune."""

from __future__ import annotations

import contextlib
import datetime
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ops

from actions import answers
from options import config, request
from retrofit import errors
from retrofit.host import files
from retrofit.model import findings
from retrofit.model.documents import run_document
from workload import engine, names, results, unit

if TYPE_CHECKING:
    from retrofit.definitions import expansion


class _Refused(Exception):
    """The action cannot be done; the text says why, and the results go with it."""

    def __init__(self, reason: str, found: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.found = found or {}


class ImageActions(ops.Object):
    """Observes the actions.

    Args:
        charm: The charm.
        builds: The unit's builds.
        retrofit: The engine.
        own: The unit's names on its machine.
        problem: Returns what keeps builds from running, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        builds: unit.Workload,
        retrofit: engine.Engine,
        own: names.Names,
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "image-actions")
        self._workload = builds
        self._engine = retrofit
        self._own = own
        self._problem = problem
        self.framework.observe(charm.on.plan_action, self._on_plan)
        self.framework.observe(charm.on.show_image_action, self._on_show_image)
        self.framework.observe(charm.on.diff_images_action, self._on_diff_images)
        self.framework.observe(charm.on.verify_image_action, self._on_verify_image)
        self.framework.observe(charm.on.rollback_image_action, self._on_rollback_image)
        self.framework.observe(charm.on.prune_images_action, self._on_prune_images)
        self.framework.observe(charm.on.rollout_image_action, self._on_rollout_image)

    def _on_plan(self, event: ops.ActionEvent) -> None:
        """Show what a run would do."""
        words = ["plan", "--json", "--definitions", str(self._own.state / "request.json")]
        self._answer(event, lambda: answers.planned(self._ask(words)))

    def _on_show_image(self, event: ops.ActionEvent) -> None:
        """Show what an image was made of, and how it was proved."""
        parameters = event.load_params(config.ShowImage)

        def show() -> Mapping[str, str]:
            image_id = self._identifier(parameters, parameters.image, "current")
            return answers.shown(self._ask(_line("show", words=[image_id])))

        self._answer(event, show)

    def _on_diff_images(self, event: ops.ActionEvent) -> None:
        """Show what differs between two images."""
        parameters = event.load_params(config.DiffImages)

        def diff() -> Mapping[str, str]:
            images = [
                self._identifier(parameters, parameters.previous, "former"),
                self._identifier(parameters, parameters.current, "current"),
            ]
            return answers.compared(self._ask(_line("diff", words=images)))

        self._answer(event, diff)

    def _on_verify_image(self, event: ops.ActionEvent) -> None:
        """Prove an image, and wait for the end."""
        parameters = event.load_params(config.VerifyImage)
        depth = parameters.depth or self._options().proof_depth
        if depth is findings.Depth.OFF:
            # Who asks for a proof wants one, whatever new images need.
            depth = findings.Depth.BOOT

        def verify() -> Mapping[str, str]:
            self._check_idle()
            image_id = self._identifier(parameters, parameters.image, "current")
            evidence = self._own.evidence / image_id
            with self._own_checks(parameters) as checks:
                options = [f"--depth={depth}", f"--evidence={evidence}", *checks]
                line = self._working("verify", options, [f"glance:{image_id}"])
                answer = self._engine.run(line, report=event.log)
            if answer.code == 0:
                self._workload.forget_evidence(of=image_id)
            if answer.code not in (0, errors.ProofFailed.exit_code):
                raise _Refused(answer.problem)
            found = answers.verified(image_id, json.loads(answer.output))
            if answer.code:
                raise _Refused(f"{answer.problem}; evidence in {evidence}", found)
            return found

        self._answer(event, verify)

    def _on_rollback_image(self, event: ops.ActionEvent) -> None:
        """Make the previous image the current image again."""
        parameters = event.load_params(config.OfOne)

        def roll_back() -> Mapping[str, str]:
            self._check_alone()
            found = self._ask(self._working("rollback", self._tag(parameters)))
            now = datetime.datetime.now(datetime.timezone.utc)
            self._workload.note(
                run_document.Result(
                    outcome=run_document.Outcome.ROLLED_BACK,
                    ended=now,
                    image=run_document.Image.model_validate(found["current"]),
                    shadowing=tuple(
                        map(run_document.ShadowingImage.model_validate, found["rivals"])
                    ),
                )
            )
            return answers.rolled_back(found)

        self._answer(event, roll_back)

    def _on_prune_images(self, event: ops.ActionEvent) -> None:
        """Hide and delete images that nobody needs, or show them."""
        parameters = event.load_params(config.PruneImages)

        def prune() -> Mapping[str, str]:
            run = self._wanted(parameters).run
            options = [f"--amp-image-tag={run.amp_image_tag}", f"--keep={run.keep}"]
            if not parameters.dry_run:
                self._check_alone()
                options.append("--yes")
            return self._report(self._working("prune", options), answers.pruned)

        self._answer(event, prune)

    def _on_rollout_image(self, event: ops.ActionEvent) -> None:
        """Replace amphorae that do not run the current image, or show them."""
        parameters = event.load_params(config.RolloutImage)

        def roll_out() -> Mapping[str, str]:
            options = [
                *self._tag(parameters),
                f"--max-parallel={parameters.max_parallel}",
                f"--pause={parameters.pause}",
                f"--timeout={parameters.timeout}",
            ]
            if not parameters.dry_run:
                self._check_alone()
                options.append("--yes")
            line = self._working("rollout", options)
            return self._report(line, answers.rolled_out, progress=event.log)

        self._answer(event, roll_out)

    def _answer(self, event: ops.ActionEvent, work: Callable[[], Mapping[str, str]]) -> None:
        """Do the work of an action, if the unit is ready for any, and give its results."""
        problem = self._problem()
        if problem is not None:
            event.fail(problem.message)
            return
        try:
            event.set_results(dict(work()))
        except _Refused as refusal:
            if refusal.found:
                event.set_results(dict(refusal.found))
            event.fail(str(refusal))

    def _check_alone(self) -> None:
        """Refuse to change what Octavia uses where a build could be met."""
        if not self.model.unit.is_leader():
            raise _Refused("run this action on the leader")
        self._check_idle()

    def _check_idle(self) -> None:
        """Refuse to go on beside a build."""
        if self._workload.building():
            raise _Refused(results.BUSY)

    def _identifier(self, of: config.OfOne, given: str, which: str) -> str:
        """Return the ID that was given, or that of the current or the previous image."""
        if given:
            try:
                return config.image_id(given)
            except ValueError as error:
                raise _Refused(str(error)) from error
        image = self._ask(self._working("status", self._tag(of)))[which]
        if image is None:
            word = "previous" if which == "former" else which
            raise _Refused(f"no {word} image is available: give the ID of an image")
        identifier: str = image["id"]
        return identifier

    def _report(
        self,
        line: Sequence[str],
        read: Callable[[Mapping[str, Any]], Mapping[str, str]],
        *,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Mapping[str, str]:
        """Return what is read of a command's report, which it may give even if it fails."""
        answer = self._engine.run(line, report=progress)
        found = read(json.loads(answer.output)) if answer.output else {}
        if answer.code:
            raise _Refused(answer.problem, found)
        return found

    def _ask(self, line: Sequence[str]) -> Any:
        """Return what a command prints as JSON."""
        answer = self._engine.run(line, report=lambda _: None)
        if answer.code:
            raise _Refused(answer.problem)
        return json.loads(answer.output)

    @contextlib.contextmanager
    def _own_checks(self, of: config.OfOne) -> Iterator[list[str]]:
        """Put the checks that are defined for an image into files, and name these as options."""
        meant = self._meant(of)
        checks = meant[0].run.checks
        if any(image.run.checks != checks for image in meant):
            names = ", ".join(image.name for image in meant)
            raise _Refused(f"definition must select one of these images, by its checks: {names}")
        if not checks:
            yield []
            return
        with tempfile.TemporaryDirectory(dir=self._own.state, prefix="checks-") as name:
            directory = pathlib.Path(name)
            for check, script in checks.items():
                files.write(directory / check, script, mode=0o600)
            yield [f"--check={directory / check}" for check in checks]

    def _wanted(self, of: config.OfOne) -> expansion.Image:
        """Return the image that is defined and meant."""
        meant = self._meant(of)
        if len(meant) == 1:
            return meant[0]
        names = ", ".join(image.name for image in meant)
        raise _Refused(
            f"definition={of.definition} must select exactly one of these images: {names}"
        )

    def _meant(self, of: config.OfOne) -> tuple[expansion.Image, ...]:
        """Return the images that are defined and meant."""
        try:
            return self._options().meant(of.definition)
        except ValueError as error:
            raise _Refused(str(error)) from error

    def _tag(self, of: config.OfOne) -> list[str]:
        """Return the option that names the tag by which Octavia finds images."""
        tag = self._wanted(of).run.amp_image_tag
        if not tag:
            raise _Refused("set amp-image-tag: without it, Octavia selects no image")
        return [f"--amp-image-tag={tag}"]

    def _working(
        self, command: str, options: Sequence[str], words: Sequence[str] = ()
    ) -> list[str]:
        """Return a command line of those that have work directories or locks."""
        return _line(command, [f"--work-dir={self._own.work}", *options], words)

    def _options(self) -> config.Options:
        return config.load(self.model.config)


def _line(command: str, options: Sequence[str] = (), words: Sequence[str] = ()) -> list[str]:
    """Return a command line of the engine about images in the unit's cloud."""
    return [command, "--json", f"--os-cloud={request.CLOUD}", *options, "--", *words]
