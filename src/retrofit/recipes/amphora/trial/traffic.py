"""Checks of a load balancer: what Octavia's controller does to amphorae, and what clients see."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from .... import errors
from ....model import findings
from ....proof import bench
from . import amphora, changes, deployment, scene, serving, standby


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
    others = (*serving.CHECKS, *changes.CHECKS, *standby.CHECKS, deployment.DELETED)
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
        return findings.failed(error.message)
    except (OSError, http.client.HTTPException) as error:
        return findings.failed(f"a request got no answer: {error or type(error).__name__}")
