"""The action cancel-run: ends the run that is under way."""

from __future__ import annotations

import ops

from workload import unit


class CancelAction(ops.Object):
    """Observes the action, which a unit that cannot build answers as well.

    Args:
        charm: The charm.
        builds: The unit's builds.
    """

    def __init__(self, charm: ops.CharmBase, builds: unit.Workload) -> None:
        super().__init__(charm, "cancel-action")
        self._workload = builds
        self.framework.observe(charm.on.cancel_run_action, self._on_cancel_run)

    def _on_cancel_run(self, event: ops.ActionEvent) -> None:
        """Cancel a run, and wait until nothing is left of it."""
        cancelled = self._workload.cancel()
        if not cancelled:
            event.fail("no run is in progress, and none waits to begin")
            return
        event.set_results({"cancelled": cancelled})
