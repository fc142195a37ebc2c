"""When a run that failed is worth another one, told from the last runs."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from retrofit import errors, model
from retrofit.model.documents import run_document
from workload import cancellation

_FIRST = datetime.timedelta(minutes=5)
_GROWTH = 3
_GROWTHS = 4
_LONGEST = datetime.timedelta(hours=6)
# What the same inputs meet again: somebody has to change something, or the next newer base image
# does. A proof is left to the next scheduled run for its cost, and nobody wants a cancelled run.
_HOPELESS = {
    cancellation.EXIT_CODE,
    *(
        kind.exit_code
        for kind in (
            errors.ProofFailed,
            errors.Skipped,
            errors.UsageError,
            errors.ImageError,
            errors.ToolMissing,
            errors.Denied,
            errors.ConfigError,
        )
    ),
}


def pause(runs: Sequence[run_document.Entry]) -> datetime.timedelta | None:
    """Return how long to wait after the last run for the next attempt.

    Args:
        runs: The last runs, oldest first.

    Returns:
        The pause, which grows with each failure in a row; ``None`` if the last run needs no other:
        it did not fail, somebody waits for what it says, or another would fail the same way.
    """
    if not runs or not runs[-1].failed or runs[-1].exit_code in _HOPELESS:
        return None
    failures = 0
    for run in reversed(runs):
        if not run.failed or run.trigger is model.Trigger.ACTION:
            break
        failures += 1
        if run.trigger is model.Trigger.OPTION:
            # Other options, another run.
            break
    if not failures:
        return None
    growth: int = _GROWTH ** min(failures - 1, _GROWTHS)
    return min(_FIRST * growth, _LONGEST)
