"""The result file: what the charm reads while a run goes on and after it."""

from __future__ import annotations

import contextlib
import datetime
import logging
import pathlib
import time
from collections.abc import Iterator
from typing import Any

from .. import errors, model
from ..host import files, progress, urls
from ..model.documents import run_document
from ..planning import planner
from . import history, one, results

_LOG = logging.getLogger(__name__)
_MODE = 0o644
# How often what a step does is written.
_DOING_S = 20.0


class Record:
    """A reporter that keeps the state of a run, in a file if it has one, and passes everything on.

    Attributes:
        result: What the file holds.
    """

    def __init__(self, path: pathlib.Path | None, reporter: progress.Reporter) -> None:
        self._path = path
        self._reporter = reporter
        self._begun = self._told = time.monotonic()
        if path is not None:
            history.settle(path)
        self.result = run_document.Result(
            outcome=run_document.Outcome.RUNNING, step="start", started=_now()
        )
        self._keep()

    def name(self, run_id: str, trigger: model.Trigger, image: str = "", source: str = "") -> None:
        """Repeat the name that the caller gave the run, and what began it.

        Args:
            run_id: The name.
            trigger: What began it.
            image: What the only image of the run is called; empty for several.
            source: Where its base image is to come from, as the request says.
        """
        self._keep(
            run_id=run_id, trigger=trigger, name=image, named_source=urls.without_user(source)
        )

    def planned(self, planned: planner.Planned) -> None:
        """Keep why the run does what it does."""
        self._keep(
            reasons=results.reasons(planned.plan), untrusted=results.untrusted(planned.untrusted)
        )

    def step_started(self, name: str) -> None:
        """Name the step the run is in."""
        self._keep(step=name, doing="")
        self._reporter.step_started(name)

    def step_ended(self, record: model.StepRecord) -> None:
        """Add what the step cost."""
        self._keep(steps=(*self.result.steps, results.step(record)))
        self._reporter.step_ended(record)

    def advanced(self, done: int, total: int) -> None:
        """Pass it on: the file is not rewritten for every piece."""
        self._reporter.advanced(done, total)

    def doing(self, text: str) -> None:
        """Keep now and then what the step does just now."""
        now = time.monotonic()
        if now - self._told >= _DOING_S:
            self._told = now
            self._keep(doing=text)
        self._reporter.doing(text)

    def succeed(self, result: one.RunResult) -> None:
        """Write the result of a run that came to its end."""
        self._end(
            result.outcome,
            code=result.outcome.exit_code,
            message=result.message,
            hint=result.hint,
            **results.told(result),
        )

    def of_image_files(self) -> None:
        """Say that the run is about the images of image files, where an image is named."""
        self._keep(image=run_document.Image(name="image files"))

    def managed(self) -> None:
        """Write that the images are as image files say."""
        self._end(run_document.Outcome.MANAGED, code=0, step="")

    def fail(self, error: errors.RetrofitError | errors.Interrupted) -> None:
        """Write why a run ended early."""
        outcome = run_document.Outcome.FAILED
        found: dict[str, Any] = {}
        if isinstance(error, errors.ProofFailed):
            found = {"image": results.kept(error), "proof": error.proof}
        if isinstance(error, errors.Interrupted):
            outcome = run_document.Outcome.INTERRUPTED
        self._end(
            outcome,
            code=error.exit_code,
            message=error.message,
            hint=error.hint,
            details=error.details,
            **found,
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

    def _end(self, outcome: run_document.Outcome, *, code: int, **more: object) -> None:
        self._keep(outcome=outcome, exit_code=code, ended=_now(), doing="", **more)
        if self._path is None:
            return
        try:
            history.add(history.beside(self._path), self.result)
        except errors.RetrofitError as error:
            # The run has ended as it has, whatever can be told of it later.
            _LOG.warning("this run is not in the history: %s", error)

    def _keep(self, **changes: object) -> None:
        """Change the result, and write it."""
        changes["duration_s"] = round(time.monotonic() - self._begun, 1)
        self.result = self.result.model_copy(update=changes)
        if self._path is not None:
            text = self.result.model_dump_json(by_alias=True, indent=2)
            files.write(self._path, f"{text}\n", mode=_MODE)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
