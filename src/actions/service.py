"""The actions about the service that builds: pause, resume and restart-services."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ops

from workload import unit


class ServiceActions(ops.Object):
    """Observes the actions.

    Args:
        charm: The charm.
        workloads: The unit's builds, and its other runs.
        reconcile: Brings the machine in line with the model.
        problem: Returns what keeps builds from running, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        workloads: Sequence[unit.Workload],
        reconcile: Callable[[ops.EventBase], None],
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "service-actions")
        self._workloads = workloads
        self._reconcile = reconcile
        self._problem = problem
        self.framework.observe(charm.on.pause_action, self._on_pause)
        self.framework.observe(charm.on.resume_action, self._on_resume)
        self.framework.observe(charm.on.restart_services_action, self._on_restart_services)

    def _on_pause(self, event: ops.ActionEvent) -> None:
        """Let no run begin by itself."""
        for each in self._workloads:
            each.pause()
        self._reconcile(event)

    def _on_resume(self, event: ops.ActionEvent) -> None:
        """Let runs begin by themselves again."""
        for each in self._workloads:
            each.resume()
        self._reconcile(event)

    def _on_restart_services(self, event: ops.ActionEvent) -> None:
        """Write what systemd runs again, and start the timer anew."""
        self._reconcile(event)
        problem = self._problem()
        if problem is not None:
            event.fail(problem.message)
            return
        restarted = [timer for each in self._workloads for timer in each.restart()]
        event.set_results({"restarted": ", ".join(restarted) or "none: this unit has no timer"})
