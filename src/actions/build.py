"""The action retrofit-image: starts a build and reports how it goes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

import ops

from options import config, request
from retrofit import errors, model
from retrofit.model.documents import run_document
from workload import engine, results, unit

_POLL_S = 2.0


class BuildAction(ops.Object):
    """Observes the action.

    Args:
        charm: The charm.
        builds: The unit's builds.
        problem: Returns what keeps builds from running, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        builds: unit.Workload,
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "build-action")
        self._workload = builds
        self._problem = problem
        self.framework.observe(charm.on.retrofit_image_action, self._on_retrofit_image)

    def _on_retrofit_image(self, event: ops.ActionEvent) -> None:
        """Start a build and, unless told otherwise, wait for it."""
        parameters = event.load_params(config.RetrofitImage)
        problem = self._problem()
        if problem is not None:
            event.fail(problem.message)
            return
        if self._workload.building():
            event.fail(results.BUSY)
            return
        try:
            source_image = self._checked(parameters)
        except ValueError as error:
            event.fail(str(error))
            return
        run_id = str(uuid.uuid4())
        asked = request.once(
            run_id=run_id,
            trigger=model.Trigger.ACTION,
            source_image=source_image,
            force=parameters.force,
            images=[parameters.definition] if parameters.definition else [],
        )
        if not parameters.wait:
            self._begin(asked)
            event.log("the build has begun; see the unit's status for its progress")
            event.set_results({"run-id": run_id})
            return
        with self._workload.attended(run_id):
            self._begin(asked)
            self._follow(event, run_id)

    def _begin(self, asked: Mapping[str, object]) -> None:
        """Start the run that is asked for."""
        self._workload.ask(asked)
        self._workload.start()

    def _checked(self, parameters: config.RetrofitImage) -> str:
        """Return the ID of the base image that is asked for, or nothing.

        Raises:
            ValueError: A parameter is wrong; the text names it.
        """
        meant = config.load(self.model.config).meant(parameters.definition)
        if not parameters.source_image:
            return ""
        if len(meant) > 1:
            raise ValueError("source-image is for one image: name it as definition")
        try:
            return config.image_id(parameters.source_image)
        except ValueError as error:
            raise ValueError(f"wrong source-image: {error}") from error

    def _follow(self, event: ops.ActionEvent, run_id: str) -> None:
        """Report a run until it ends, then how it ended."""
        deadline = time.monotonic() + engine.TIMEOUT_S
        reported = 0
        building = True
        while building:
            time.sleep(_POLL_S)
            # Asked first: what the result holds after the end is final.
            building = self._workload.building()
            result = self._result(run_id)
            if result is not None:
                for step in result.steps[reported:]:
                    event.log(f"{step.name}: {step.wall_s:.0f} s")
                reported = len(result.steps)
            if building and time.monotonic() > deadline:
                event.fail(
                    "the build takes too long to wait for; see the unit's status for its progress"
                )
                return
        if result is None:
            event.fail(f"the build ended without a result; {results.JOURNAL}")
            return
        event.set_results(results.summary(result))
        if not result.outcome.made:
            event.fail(results.problem(result) or result.message)

    def _result(self, run_id: str) -> run_document.Result | None:
        """Return how a run goes or went, if it has said so."""
        try:
            result = self._workload.result()
        except errors.NewerDocument:
            # It is a former run's: this revision reads what it writes.
            return None
        return result if result is not None and result.run_id == run_id else None
