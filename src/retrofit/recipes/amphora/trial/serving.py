"""Checks of what clients see of a load balancer, and of what its amphora reports of them."""

from __future__ import annotations

import collections
import dataclasses
import http.client

from ....model import findings
from ....proof import machine
from . import haproxy, scene

_REQUESTS = 20
# The metrics pass through two services of the amphora, which ask each other in turn.
_METRICS_TIMEOUT_S = 300.0
OLD_AGENT = "the agent is from before Octavia 11 (Zed), and takes one VIP only"
_NO_IPV6 = "the kernel of this machine speaks no IPv6"


def _balanced(on: scene.Scene) -> findings.Verdict:
    return balanced(on, on.plain)


def _tls(on: scene.Scene) -> findings.Verdict:
    """Make requests over TLS; the client trusts only the authority made for this proof."""
    return balanced(on, on.secure)


def balanced(
    on: scene.Scene, listener: haproxy.Listener, *, vip: str = "", http2: bool = False
) -> findings.Verdict:
    """Check that requests go to all members with a weight alike, which know whom they answer.

    Args:
        on: Where.
        listener: What the requests are for.
        vip: The address they go to; the first of the load balancer's if empty.
        http2: Whether to speak HTTP/2.
    """
    usual = on.target(listener)
    target = dataclasses.replace(usual, address=vip or usual.address, http2=http2)
    sender = on.segment.address6(1) if ":" in target.address else on.segment.gateway
    weighted = [name for name in on.members if on.member(name).weight]
    before = {name: member.served for name, member in on.members.items()}
    answers = [on.get(listener, target=target) for _ in range(_REQUESTS)]
    shares = collections.Counter(answer.backend for answer in answers)
    if shares != dict.fromkeys(weighted, _REQUESTS // len(weighted)):
        return findings.failed(f"of {_REQUESTS} requests, the members answered {_shares(shares)}")
    counted = {name: member.served - before[name] for name, member in on.members.items()}
    if +collections.Counter(counted) != shares:
        return findings.failed(f"the clients count {_shares(shares)}, the members count {counted}")
    for answer in answers:
        proto, client = answer.told["forwarded-proto"], answer.told["forwarded-for"]
        if (proto, client) != (listener.scheme, sender):
            return findings.failed(f"a member got the client {client} and the protocol {proto}")
    how = f"{answers[0].tls}, " if listener.terminates_tls else ""
    return findings.passed(f"{how}{_REQUESTS} requests: {_shares(shares)}")


def _http2(on: scene.Scene) -> findings.Verdict:
    return balanced(on, on.secure, http2=True)


def _ipv6(on: scene.Scene) -> findings.Verdict:
    vip = on.balancer.additional_vip
    if not vip:
        return findings.not_applicable(_NO_IPV6 if on.segment.network6 is None else OLD_AGENT)
    return balanced(on, on.plain, vip=vip)


def _metrics(on: scene.Scene) -> findings.Verdict:
    """Wait until Octavia's metrics know of the requests that clients made."""
    listener = on.balancer.metrics
    # Lines of Prometheus' text format; the service that writes them says listener for proxy.
    counter = f'octavia_listener_http_requests_total{{listener="{on.plain.id}"'
    last = "none of them"

    def counts() -> float | None:
        nonlocal last
        try:
            answer = on.target(listener).get(haproxy.METRICS)
        except (OSError, http.client.HTTPException) as error:
            last = str(error) or type(error).__name__
            return None
        lines = answer.body.decode(errors="replace").splitlines()
        last = f"status {answer.status}, {len(lines)} lines"
        found = (line.rpartition(" ")[2] for line in lines if line.startswith(counter))
        return next((float(value) for value in found if float(value)), None)

    try:
        requests = on.holder().amphora.machine.wait_for("metrics", counts, _METRICS_TIMEOUT_S)
    except machine.MachineFailed as error:
        raise machine.MachineFailed(
            f"{haproxy.METRICS} of the PROMETHEUS listener counts no requests of the HTTP"
            f" listener ({last})",
            details=error.details,
        ) from error
    return findings.passed(f"{haproxy.METRICS} counts {requests:.0f} HTTP requests")


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
    scene.Check("HTTP/2 spoken", _http2),
    scene.Check("IPv6 VIP answers", _ipv6),
    scene.Check("L7 policies", policies),
    scene.Check("metrics", _metrics),
    scene.Check("statistics", _statistics),
)
