"""Checks of what clients see of a load balancer, and of what its amphora reports of them."""

from __future__ import annotations

import collections

from ....model import findings
from . import haproxy, scene

_REQUESTS = 20


def _balanced(on: scene.Scene) -> findings.Verdict:
    return balanced(on, on.plain)


def _tls(on: scene.Scene) -> findings.Verdict:
    """Make requests over TLS; the client trusts only the authority made for this proof."""
    return balanced(on, on.secure)


def balanced(on: scene.Scene, listener: haproxy.Listener) -> findings.Verdict:
    """Check that requests go to all members with a weight alike, which know whom they answer."""
    weighted = [name for name in on.members if on.member(name).weight]
    before = {name: member.served for name, member in on.members.items()}
    answers = [on.get(listener) for _ in range(_REQUESTS)]
    shares = collections.Counter(answer.backend for answer in answers)
    if shares != dict.fromkeys(weighted, _REQUESTS // len(weighted)):
        return findings.failed(f"of {_REQUESTS} requests, the members answered {_shares(shares)}")
    counted = {name: member.served - before[name] for name, member in on.members.items()}
    if +collections.Counter(counted) != shares:
        return findings.failed(f"the clients count {_shares(shares)}, the members count {counted}")
    for answer in answers:
        proto, client = answer.told["forwarded-proto"], answer.told["forwarded-for"]
        if (proto, client) != (listener.scheme, on.segment.gateway):
            return findings.failed(f"a member got the client {client} and the protocol {proto}")
    how = f"{answers[0].tls}, " if listener.terminates_tls else ""
    return findings.passed(f"{how}{_REQUESTS} requests: {_shares(shares)}")


def policies(on: scene.Scene) -> findings.Verdict:
    """Check what becomes of paths that the listeners' policies know."""
    for listener in on.balancer.listeners:
        moved = on.get(listener, haproxy.REDIRECTED)
        if (moved.status, moved.location) != (302, haproxy.REDIRECTION):
            where = f"status {moved.status}, location {moved.location!r}"
            return findings.failed(f"{haproxy.REDIRECTED} is not redirected: {where}")
        rejected = on.get(listener, haproxy.REJECTED)
        if rejected.status != 403:
            return findings.failed(f"{haproxy.REJECTED} gets status {rejected.status}")
        special = {on.get(listener, haproxy.TO_POOL).backend for _ in on.members}
        if special != {scene.SPECIAL}:
            found = ", ".join(sorted(special))
            return findings.failed(f"{haproxy.TO_POOL} goes to {found}, not to {scene.SPECIAL}")
    return findings.passed("redirected to a URL, rejected, sent to another pool; HTTP and HTTPS")


def _statistics(on: scene.Scene) -> findings.Verdict:
    """Wait until the heartbeats of the amphora add up to what clients counted."""
    node = on.holder()
    made = {listener.id: on.answered[listener.id] for listener in on.balancer.listeners}
    if not all(made.values()):
        return findings.failed("no requests were answered")

    def counted(counter: str) -> dict[str, int]:
        return {name: on.inbox.total(node.amphora.id, name, counter) for name in made}

    def complete() -> bool | None:
        return all(counted("totconns")[name] >= made[name] for name in made) or None

    node.amphora.machine.wait_for("complete statistics", complete, scene.REPORT_TIMEOUT_S)
    reported = counted("totconns")
    # Somebody who gave up waiting may have been connected, or not.
    if any(reported[name] > on.asked[name] for name in made):
        return findings.failed(f"the amphora reports {reported} connections instead of {made}")
    sent = counted("tx")
    if not all(sent.values()):
        return findings.failed("the amphora reports no bytes to clients")
    if on.inbox.faults:
        return findings.failed(on.inbox.faults[0])
    heartbeats = len(on.inbox.of(node.amphora.id))
    return findings.passed(
        f"{heartbeats} signed heartbeats report {sum(reported.values())} connections and"
        f" {sum(sent.values())} bytes; {sum(made.values())} requests were answered"
    )


def _shares(shares: collections.Counter[str]) -> str:
    return ", ".join(f"{count} to {name or 'nobody'}" for name, count in sorted(shares.items()))


CHECKS = (
    scene.Check("requests balanced", _balanced),
    scene.Check("TLS terminated", _tls),
    scene.Check("L7 policies", policies),
    scene.Check("statistics", _statistics),
)
