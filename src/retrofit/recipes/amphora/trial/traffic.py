"""Checks of a load balancer: what Octavia's controller does to amphorae, and what clients see."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator

from .... import errors
from ....model import findings
from ....proof import bench
from . import amphora, changes, deployment, packet_listeners, scene, serving, standby

# How many last lines of a journal tell why a service fails, and how long they take to get here.
_JOURNAL_LINES = 5
_JOURNAL_S = 3.0


def checks(
    first: amphora.Amphora, second: amphora.Amphora | None, place: bench.Bench
) -> Iterator[findings.Finding]:
    """Make a load balancer of amphorae and check it.

    Args:
        first: An amphora whose agent answers.
        second: The other amphora of a pair (topology ``ACTIVE_STANDBY``), which may still boot;
            ``None`` if there is no memory for it.
        place: Where they run.
    """
    amphorae = (first,) if second is None else (first, second)
    vital: tuple[scene.Check, ...] = deployment.CHECKS
    if second is not None:
        vital = (standby.BOOTED, *vital, standby.BEGINS)
    vital = (*vital, deployment.ANSWERS)
    others = (
        *serving.CHECKS,
        *packet_listeners.CHECKS,
        *changes.CHECKS,
        *standby.CHECKS,
        deployment.DELETED,
    )
    with scene.lay(amphorae, place) as on:
        for check in (*vital, *others):
            verdict = _verdict(check, on)
            yield findings.Finding(check.name, findings.Depth.TRAFFIC, verdict)
            if check in vital and verdict.outcome is findings.Outcome.FAIL:
                # What comes after would fail for the same reason.
                return


def _verdict(check: scene.Check, on: scene.Scene) -> findings.Verdict:
    try:
        return check.look(on)
    except errors.ToolMissing:
        raise
    except errors.RetrofitError as error:
        return findings.failed(error.message + _journals(on))
    except (OSError, http.client.HTTPException) as error:
        return findings.failed(f"a request got no answer: {error or type(error).__name__}")


def _journals(on: scene.Scene) -> str:
    """Return what the journals of the amphorae said last, to go after a fault."""
    time.sleep(_JOURNAL_S)
    texts = (
        f"; the journal of amphora {node.number}: {' | '.join(said[-_JOURNAL_LINES:])}"
        for node in on.nodes
        if (said := node.amphora.journal())
    )
    return "".join(texts)
