"""The actions about the service that builds: pause, resume and restart-services."""

from __future__ import annotations

from collections.abc import Callable

import ops

from workload import unit


class ServiceActions(ops.Object):
    """Observes the actions.

    Args:
        charm: The charm.
        builds: The unit's builds.
        reconcile: Brings the machine in line with the model.
        problem: Returns what keeps builds from running, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        builds: unit.Workload,
        reconcile: Callable[[ops.EventBase], None],
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "service-actions")
        self._workload = builds
        self._reconcile = reconcile
        self._problem = problem
        self.framework.observe(charm.on.pause_action, self._on_pause)
        self.framework.observe(charm.on.resume_action, self._on_resume)
        self.framework.observe(charm.on.restart_services_action, self._on_restart_services)

    def _on_pause(self, event: ops.ActionEvent) -> None:
        """Let no run begin by itself."""
        self._workload.pause()
        self._reconcile(event)

    def _on_resume(self, event: ops.ActionEvent) -> None:
        """Let runs begin by themselves again."""
        self._workload.resume()
        self._reconcile(event)

    def _on_restart_services(self, event: ops.ActionEvent) -> None:
        """Write what systemd runs again, and start the timer anew."""
        self._reconcile(event)
        problem = self._problem()
        if problem is not None:
            event.fail(problem.message)
            return
        restarted = self._workload.restart()
        event.set_results({"restarted": ", ".join(restarted) or "none: this unit has no timer"})
