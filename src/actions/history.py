"""The action show-history: the last runs on this unit."""

from __future__ import annotations

import json

import ops

from retrofit import errors
from retrofit.model.documents import run_document
from retrofit.runs import history_table
from workload import unit

# Results reach Juju on a command line, of which Linux takes 128 KiB a word.
_LONGEST = 90_000


class HistoryAction(ops.Object):
    """Observes the action, which a unit that cannot build answers as well.

    Args:
        charm: The charm.
        builds: The unit's builds.
        others: Its other runs.
    """

    def __init__(self, charm: ops.CharmBase, builds: unit.Workload, others: unit.Workload) -> None:
        super().__init__(charm, "history-action")
        self._workloads = (builds, others)
        self.framework.observe(charm.on.show_history_action, self._on_show_history)

    def _on_show_history(self, event: ops.ActionEvent) -> None:
        """Show the runs, newest first, as a table and as JSON."""
        try:
            found = [run for each in self._workloads for run in each.history()]
            runs = tuple(sorted(found, key=lambda run: run.started, reverse=True))
        except errors.NewerDocument as error:
            event.fail(str(error))
            return
        if not runs:
            event.set_results({"runs": "none yet"})
            return
        while len(as_json := _as_json(runs)) > _LONGEST:
            runs = runs[:-1]
        event.set_results({"runs": "\n".join(history_table.table(runs)), "json": as_json})


def _as_json(runs: tuple[run_document.Entry, ...]) -> str:
    shown = [run.as_json() for run in runs]
    return json.dumps(shown, separators=(",", ":"))
