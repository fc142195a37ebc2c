"""Runs that actions ask for: begun, and followed to their end."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import ops

from retrofit import errors
from retrofit.model.documents import run_document
from workload import engine, unit

_POLL_S = 2.0


@dataclasses.dataclass(frozen=True)
class Runs:
    """The runs of one kind on a unit.

    Attributes:
        workload: What makes them.
        word: What one is called.
        journal: Where its log is, as the end of a message.
    """

    workload: unit.Workload
    word: str
    journal: str

    def make(
        self, event: ops.ActionEvent, asked: Mapping[str, object], *, wait: bool
    ) -> run_document.Result | None:
        """Begin a run and, if it is to be waited for, report it until it ends.

        Args:
            event: The action.
            asked: What is asked for; see :func:`options.request.once`.
            wait: Whether to wait.

        Returns:
            The result; ``None`` if nobody waits, or if there is none and the action has failed.
        """
        run_id = str(asked["run-id"])
        if not wait:
            self._begin(asked)
            event.log(f"the {self.word} has begun; see the unit's status for its progress")
            event.set_results({"run-id": run_id})
            return None
        with self.workload.attended(run_id):
            self._begin(asked)
            return self._follow(event, run_id)

    def _begin(self, asked: Mapping[str, object]) -> None:
        self.workload.ask(asked)
        self.workload.start()

    def _follow(self, event: ops.ActionEvent, run_id: str) -> run_document.Result | None:
        deadline = time.monotonic() + engine.TIMEOUT_S
        reported = 0
        building = True
        while building:
            time.sleep(_POLL_S)
            # Asked first: what the result holds after the end is final.
            building = self.workload.building()
            result = self._result(run_id)
            if result is not None:
                for step in result.steps[reported:]:
                    event.log(f"{step.name}: {step.wall_s:.0f} s")
                reported = len(result.steps)
            if building and time.monotonic() > deadline:
                event.fail(
                    f"the {self.word} takes too long to wait for; see the unit's status for its "
                    "progress"
                )
                return None
        if result is None:
            event.fail(f"the {self.word} ended without a result; {self.journal}")
        return result

    def _result(self, run_id: str) -> run_document.Result | None:
        """Return how a run goes or went, if it has said so."""
        try:
            result = self.workload.result()
        except errors.NewerDocument:
            # It is a former run's: this revision reads what it writes.
            return None
        return result if result is not None and result.run_id == run_id else None
