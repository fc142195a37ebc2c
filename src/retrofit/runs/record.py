"""The result file: what the charm reads while a run goes on and after it."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import pathlib
import time
from collections.abc import Iterator

from .. import errors, model
from ..host import files, progress
from ..planning import planner
from ..publishing import prune
from . import history, one, results

_LOG = logging.getLogger(__name__)
_MODE = 0o644


class Record:
    """A reporter that keeps the state of a run, in a file if it has one, and passes everything on.

    Attributes:
        state: What the file holds; docs/reference/cli.md describes the keys.
    """

    def __init__(self, path: pathlib.Path | None, reporter: progress.Reporter) -> None:
        self._path = path
        self._reporter = reporter
        self._begun = time.monotonic()
        if path is not None:
            history.settle(path)
        self.state: dict[str, object] = {
            "run-id": "",
            "trigger": str(model.Trigger.SCHEDULE),
            "name": "",
            "outcome": "running",
            "step": "start",
            "message": "",
            "hint": "",
            "exit-code": None,
            "started": _now(),
            "ended": None,
            "duration-s": 0.0,
            "source": None,
            "foreign": [],
            "image": None,
            "proof": None,
            "rivals": [],
            "retired": None,
            "steps": [],
        }
        self._write()

    def name(self, run_id: str, trigger: model.Trigger, image: str = "") -> None:
        """Repeat the name that the caller gave the run, and what began it.

        Args:
            run_id: The name.
            trigger: What began it.
            image: What the only image of the run is called; empty for several.
        """
        self.state |= {"run-id": run_id, "trigger": str(trigger), "name": image}
        self._write()

    def planned(self, planned: planner.Planned) -> None:
        """Keep why the run does what it does."""
        self.state["reasons"] = results.reasons(planned.plan)
        self.state["foreign"] = results.untrusted(planned.untrusted)
        self._write()

    def step_started(self, name: str) -> None:
        """Name the step the run is in."""
        self.state["step"] = name
        self._write()
        self._reporter.step_started(name)

    def step_ended(self, record: model.StepRecord) -> None:
        """Add what the step cost."""
        self.state["steps"] = [*self._steps(), results.step(record)]
        self._write()
        self._reporter.step_ended(record)

    def advanced(self, done: int, total: int) -> None:
        """Pass it on: the file is not rewritten for every piece."""
        self._reporter.advanced(done, total)

    def succeed(self, result: one.RunResult) -> None:
        """Write the result of a run that came to its end."""
        # One that only got the tag was there before.
        outcome = "published" if result.build else "tagged"
        self._end(outcome=outcome, code=0, **results.as_json(result))

    def fail(self, error: errors.RetrofitError | errors.Interrupted) -> None:
        """Write why a run ended early."""
        outcome = "failed"
        if isinstance(error, errors.UpToDate):
            outcome = "up-to-date"
            self.state["image"] = results.current(error)
            self.state["rivals"] = results.shadowing(error.shadowing)
            if isinstance(error.retired, prune.Pruning):
                self.state["retired"] = results.retired(error.retired)
        if isinstance(error, errors.ProofFailed):
            self.state["image"] = results.kept(error)
            self.state["proof"] = error.proof
        if isinstance(error, errors.Interrupted):
            outcome = "interrupted"
        details = list(error.details)
        self._end(
            outcome=outcome,
            code=error.exit_code,
            message=error.message,
            hint=error.hint,
            details=details,
        )

    @contextlib.contextmanager
    def until_it_ends(self) -> Iterator[None]:
        """Keep in the file whatever error ends the run."""
        try:
            yield
        except (errors.RetrofitError, errors.Interrupted) as error:
            self.fail(error)
            raise
        except Exception as error:
            self.fail(errors.unexpected(error))
            raise

    def _end(self, *, outcome: str, code: int, **more: object) -> None:
        self.state |= more
        self.state |= {"outcome": outcome, "exit-code": code, "ended": _now()}
        self._write()
        if self._path is None:
            return
        try:
            history.add(history.beside(self._path), self.state)
        except errors.RetrofitError as error:
            # The run has ended as it has, whatever can be told of it later.
            _LOG.warning("this run is left out of the history: %s", error)

    def _steps(self) -> list[object]:
        steps = self.state["steps"]
        assert isinstance(steps, list)
        return steps

    def _write(self) -> None:
        self.state["duration-s"] = round(time.monotonic() - self._begun, 1)
        if self._path is not None:
            files.write(self._path, json.dumps(self.state, indent=2) + "\n", mode=_MODE)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
