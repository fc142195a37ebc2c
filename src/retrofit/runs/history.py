"""The last runs: what began each, how long it took and how it ended.

One JSON object a line, oldest first, beside the result file of ``retrofit run``, which adds a line
when it ends.
"""

from __future__ import annotations

import logging
import pathlib

from .. import errors
from ..host import files
from ..model import documents
from ..model.documents import run_document

_LOG = logging.getLogger(__name__)

KEPT = 50
_NAME = "history.jsonl"
_MODE = 0o644


def beside(result: pathlib.Path) -> pathlib.Path:
    """Return where the history is kept of runs with a result file."""
    return result.with_name(_NAME)


def read(path: pathlib.Path) -> tuple[run_document.Entry, ...]:
    """Return the runs in a history, oldest first; lines that say nothing are passed over.

    Raises:
        errors.InputMissing: It is there and cannot be read.
        errors.NewerDocument: A newer release has written it.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
    return tuple(entry for line in lines if (entry := _parsed(line, path)) is not None)


def add(path: pathlib.Path, result: run_document.Result) -> None:
    """Add a run that ended, and forget the oldest ones.

    One that is there already, because it was taken for lost, is replaced.

    Args:
        path: The history.
        result: What the result file holds.

    Raises:
        errors.NewerDocument: A newer release has written it; it is left as it is.
        errors.OutputError: It cannot be written.
    """
    entry = run_document.Entry.model_validate(result)
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
        left = documents.parse(run_document.Result, result.read_bytes(), result)
        if left.outcome is run_document.Outcome.RUNNING:
            changes = {
                "outcome": run_document.Outcome.LOST,
                "message": "it ended without a result",
            }
            add(beside(result), left.model_copy(update=changes))
    except FileNotFoundError:
        return
    except (ValueError, errors.RetrofitError) as error:
        # What is told of runs must not keep one from beginning.
        _LOG.warning("the last run is not in the history: %s", error)


def _parsed(line: str, path: pathlib.Path) -> run_document.Entry | None:
    try:
        return documents.parse(run_document.Entry, line, path)
    except ValueError:
        return None
