"""The action retrofit-image: starts a build and reports how it goes."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import ops

from actions import runs
from options import config, request
from retrofit import model
from workload import results, unit


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
        self._runs = runs.Runs(builds, "build", results.JOURNAL)
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
        asked = request.once(
            run_id=str(uuid.uuid4()),
            trigger=model.Trigger.ACTION,
            source_image=source_image,
            force=parameters.force,
            images=[parameters.definition] if parameters.definition else [],
        )
        result = self._runs.make(event, asked, wait=parameters.wait)
        if result is None:
            return
        event.set_results(results.summary(result))
        if not result.outcome.made:
            event.fail(results.problem(result) or result.message)

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
