"""The action manage-images: starts a run of image-files and reports how it goes."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import ops

from actions import runs
from options import config
from retrofit import model
from workload import image_files


class ManageAction(ops.Object):
    """Observes the action.

    Args:
        charm: The charm.
        imports: The unit's runs of image files.
        problem: Returns what keeps runs from beginning, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        imports: image_files.ImageFiles,
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "manage-action")
        self._imports = imports
        self._runs = runs.Runs(imports, "run", image_files.JOURNAL)
        self._problem = problem
        self.framework.observe(charm.on.manage_images_action, self._on_manage_images)

    def _on_manage_images(self, event: ops.ActionEvent) -> None:
        """Start a run and, unless told otherwise, wait for it."""
        parameters = event.load_params(config.ManageImages)
        refusal = self._refusal()
        if refusal:
            event.fail(refusal)
            return
        asked = {"run-id": str(uuid.uuid4()), "trigger": str(model.Trigger.ACTION)}
        result = self._runs.make(event, asked, wait=parameters.wait)
        if result is None:
            return
        event.set_results({"duration": f"{result.duration_s:.0f} s"})
        problem = image_files.why_failed(result)
        if problem:
            event.fail(problem)

    def _refusal(self) -> str:
        """Return why no run may begin, in one line; empty if one may."""
        problem = self._problem()
        if problem is not None:
            return problem.message
        if not config.load(self.model.config).image_files:
            return "set image-files: without it, the charm imports no images"
        if not self.model.unit.is_leader():
            # Two machines would import the same images.
            return "run this action on the leader"
        if self._imports.building():
            return "a run of image-files is in progress; its progress is in the unit's status"
        return ""
