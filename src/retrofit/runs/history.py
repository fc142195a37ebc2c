"""The last runs: what began each, how long it took and how it ended.

One JSON object a line, oldest first, beside the result file of ``retrofit run``, which adds a line
when it ends. docs/reference/cli.md describes the keys.
"""

from __future__ import annotations

import datetime
import json
import logging
import pathlib
from collections.abc import Mapping

import pydantic

from .. import errors, model
from ..host import files
from ..model import documents

_LOG = logging.getLogger(__name__)

KEPT = 50
# Of a run that a power cut or the kernel ended: it could not say so itself.
LOST = "lost"
_NAME = "history.jsonl"
_MODE = 0o644


class Image(documents.Part):
    """The image that a run made or found."""

    id: str = ""
    name: str = ""


class Reason(documents.Part):
    """Why the plan of a run was what it was."""

    kind: str
    text: str


class Entry(documents.Part):
    """A run that ended.

    Attributes:
        run_id: Name that whoever asked for the run gave it.
        trigger: What began it.
        outcome: As in the result file, or :data:`LOST`.
        exit_code: Its exit code; ``None`` if it was lost.
        started: When it began.
        ended: When it ended, if that is known.
        duration_s: Elapsed seconds, as far as they are known.
        step: The step in which it ended.
        message: What went wrong, in one line.
        hint: What to do about it.
        image: The image that it made or found.
        reasons: Why it did what it did.
    """

    run_id: str = ""
    trigger: model.Trigger = model.Trigger.SCHEDULE
    outcome: str
    exit_code: int | None = None
    started: datetime.datetime
    ended: datetime.datetime | None = None
    duration_s: float = 0
    step: str = ""
    message: str = ""
    hint: str = ""
    image: Image | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it ended neither with an image nor with nothing to do."""
        return self.outcome not in ("published", "tagged", "up-to-date")

    @property
    def end(self) -> datetime.datetime:
        """When it ended; of one that could not say so, when it was last heard of."""
        return self.ended or self.started + datetime.timedelta(seconds=self.duration_s)

    @property
    def why(self) -> str:
        """What went wrong and what to do, or else why the run did what it did; in one line."""
        if self.failed:
            return f"{self.message}; {self.hint}" if self.hint else self.message
        return "; ".join(reason.text for reason in self.reasons)


def beside(result: pathlib.Path) -> pathlib.Path:
    """Return where the history is kept of runs with a result file."""
    return result.with_name(_NAME)


def read(path: pathlib.Path) -> tuple[Entry, ...]:
    """Return the runs in a history, oldest first; lines that say nothing are passed over.

    Raises:
        errors.InputMissing: It is there and cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
    return tuple(entry for line in lines if (entry := _parsed(line)) is not None)


def add(path: pathlib.Path, state: Mapping[str, object]) -> None:
    """Add a run that ended, and forget the oldest ones.

    One that is there already, because it was taken for lost, is replaced.

    Args:
        path: The history.
        state: What the result file holds.

    Raises:
        errors.OutputError: It cannot be written.
    """
    entry = Entry.model_validate_json(json.dumps(state))
    others = [
        each for each in read(path) if (each.started, each.run_id) != (entry.started, entry.run_id)
    ]
    kept = [*others, entry][-KEPT:]
    lines = (each.model_dump_json(by_alias=True) + "\n" for each in kept)
    files.write(path, "".join(lines), mode=_MODE)


def settle(result: pathlib.Path) -> None:
    """Add the last run if it left a result that says it goes on; to be called when none does.

    Args:
        result: The result file.
    """
    try:
        state = json.loads(result.read_bytes())
        if state["outcome"] != "running":
            return
        add(beside(result), state | {"outcome": LOST, "message": "it ended without a result"})
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, errors.RetrofitError) as error:
        # What is told of runs must not keep one from beginning.
        _LOG.warning("the last run is left out of the history: %s", error)


def _parsed(line: str) -> Entry | None:
    try:
        return Entry.model_validate_json(line)
    except pydantic.ValidationError:
        return None
