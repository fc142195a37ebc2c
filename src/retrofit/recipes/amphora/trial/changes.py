"""Checks of a load balancer while its members or its configuration change."""

from __future__ import annotations

import time
from concurrent.futures import thread

from ....model import findings
from . import backends, clients, scene

_CHANGED = "blue"
_OTHER = "green"
_HOLD_TIMEOUT_S = 120.0
# Among other requests, these may go to one member before one goes to the other.
_HELD = 6
_REQUESTS = 10
_POLL_S = 0.1


def _taken_out(on: scene.Scene) -> findings.Verdict:
    """Take a member down and bring it up again while requests flow."""
    member = on.members[_CHANGED]
    with clients.stream(on.target(on.plain)) as flowing:
        member.take_down()
        try:
            down_s = on.await_member(_CHANGED, "DOWN")
        finally:
            member.bring_up()
        checked = member.checked
        up_s = on.await_member(_CHANGED, "UP")
    if flowing.lost:
        return findings.failed(_lost(flowing))
    if any(on.get(on.plain).backend == _CHANGED for _ in on.members):
        return findings.passed(
            f"the amphora reports {_CHANGED} as DOWN after {down_s:.0f} s, and as UP "
            f"{up_s:.0f} s and"
            f" {member.checked - checked} health checks after it came back;"
            f" none of {len(flowing.tries)} requests was lost"
        )
    return findings.failed(f"{_CHANGED} is up again, but gets no requests")


def _drained(on: scene.Scene) -> findings.Verdict:
    """Take a member's weight away by a reload, while it is at a request and others flow."""
    changed, other = on.members[_CHANGED], on.members[_OTHER]
    with (
        thread.ThreadPoolExecutor() as threads,
        clients.stream(on.target(on.plain)) as flowing,
        clients.stream(on.target(on.secure)) as secured,
    ):
        held = [threads.submit(on.target(on.plain).get, backends.HELD) for _ in range(_HELD)]
        try:
            if not _await_held(changed, other):
                return findings.failed("some members got none of several requests")
            began = time.monotonic()
            on.reload(on.weighed(_CHANGED, 0))
            took = time.monotonic() - began
            on.await_member(_CHANGED, "DRAIN")
            new = {on.get(on.plain).backend for _ in range(_REQUESTS)}
        finally:
            changed.release()
            other.release()
    answered = {one.result().backend for one in held}
    if new != {_OTHER}:
        return findings.failed(f"with weight 0, {_CHANGED} still gets new requests")
    if answered != set(on.members):
        return findings.failed(f"the reload interrupted the request in progress at {_CHANGED}")
    for requests in (flowing, secured):
        if requests.lost:
            return findings.failed(_lost(requests))
    return findings.passed(
        f"reloaded within {took:.0f} s, none of {len(flowing.tries)} HTTP and {len(secured.tries)}"
        f" HTTPS requests lost; {_CHANGED} is reported as DRAIN, completes its request, and"
        f" gets none of {_REQUESTS} new requests"
    )


def _await_held(*members: backends.Backend) -> bool:
    """Wait until each member is at a request."""
    deadline = time.monotonic() + _HOLD_TIMEOUT_S
    while time.monotonic() < deadline:
        if all(member.held for member in members):
            return True
        time.sleep(_POLL_S)
    return False


def _lost(requests: clients.Stream) -> str:
    return f"{len(requests.lost)} of {len(requests.tries)} requests were lost: " + (
        requests.lost[0].fault
    )


CHECKS = (
    scene.Check("member taken out and back", _taken_out),
    scene.Check("member drained by a reload", _drained),
)
