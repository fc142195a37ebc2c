"""The action cancel-run: ends the run that is under way."""

from __future__ import annotations

import ops

from workload import unit


class CancelAction(ops.Object):
    """Observes the action, which a unit that cannot build answers as well.

    Args:
        charm: The charm.
        builds: The unit's builds.
        others: Its other runs.
    """

    def __init__(self, charm: ops.CharmBase, builds: unit.Workload, others: unit.Workload) -> None:
        super().__init__(charm, "cancel-action")
        self._workloads = (builds, others)
        self.framework.observe(charm.on.cancel_run_action, self._on_cancel_run)

    def _on_cancel_run(self, event: ops.ActionEvent) -> None:
        """Cancel the runs, and wait until nothing is left of them."""
        cancelled = [found for each in self._workloads if (found := each.cancel())]
        if not cancelled:
            event.fail("no run is in progress, and none waits to begin")
            return
        event.set_results({"cancelled": ", ".join(dict.fromkeys(cancelled))})
