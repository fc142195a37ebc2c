"""Checks of a pair of amphorae: one has the VIP, and the other takes it over."""

from __future__ import annotations

import time

from .... import model
from ....model import findings
from ....proof import hardware
from . import clients, deployment, haproxy, keepalived, scene, serving

# Seconds between looks at haproxy: Octavia's default, and what emulated machines can do. A look
# that takes longer fails, and with it the amphora gives its VIP away: on busy processors, beside
# the programs that watch the members of a UDP or SCTP listener, one took over 20.
_CHECK_S = {True: 5, False: 120}
# Two advertisements lost and a third awaited take VRRP 3.6 s, and the switch's first request may
# have been given up just before. How long emulated machines take tells nothing of the image.
_TAKEOVER_TIMEOUT_S = 120.0
_TAKEOVER_LIMIT_S = {True: 10.0, False: _TAKEOVER_TIMEOUT_S}
_TRY_TIMEOUT_S = {True: 1.0, False: 5.0}
_PAUSE_S = 0.05


def _booted(on: scene.Scene) -> findings.Verdict:
    second = on.nodes[1].amphora
    took = second.await_agent(on.place.boot_timeout_s)
    second.await_report(on.place.boot_timeout_s)
    return findings.passed(f"its agent answers {took:.0f} s after the start")


def _begins(on: scene.Scene) -> findings.Verdict:
    """Start keepalived on the amphora that is to be master.

    The other waits until the pair is looked at: on busy processors it would miss advertisements,
    and take the VIP in the middle of another check.
    """
    began = time.monotonic()
    _keep_alive(on, on.nodes[0])
    return findings.passed(f"keepalived runs after {time.monotonic() - began:.0f} s")


def _joins(on: scene.Scene) -> findings.Verdict:
    if not on.pair:
        return _single()
    master, other = on.nodes
    began = time.monotonic()
    _keep_alive(on, other)
    took = time.monotonic() - began
    # As long as three advertisements: until then it does not know whether there is a master.
    time.sleep(3 * keepalived.ADVERTISEMENT_S + 1)
    deployment.await_vip(on, master)
    return findings.passed(f"keepalived runs after {took:.0f} s, and the VIP does not move")


def _keep_alive(on: scene.Scene, node: scene.Node) -> None:
    """Configure keepalived on an amphora and start it."""
    router = keepalived.Router(
        interface=node.amphora.agent.interface(node.address),
        address=node.address,
        peer=next(one.address for one in on.nodes if one is not node),
        priority=110 - 10 * node.number,
        check_s=_CHECK_S[on.place.accelerated],
    )
    lan = on.segment
    text = keepalived.configuration(
        router,
        group=on.balancer.id.replace("-", ""),
        vip=keepalived.Vip(on.balancer.vip, str(lan.network), lan.gateway),
        additional=tuple(
            keepalived.Vip(address, str(lan.network6), lan.address6(1))
            for address in on.balancer.vips[1:]
        ),
    )
    node.amphora.agent.upload_vrrp(text)
    node.amphora.agent.start_vrrp()


def _takes_over(on: scene.Scene) -> findings.Verdict:
    """Cut the power of the amphora that has the VIP while requests flow."""
    if not on.pair:
        return _single()
    failing = on.holder()
    (heir,) = (node for node in on.nodes if node is not failing)
    target, try_s = on.target(on.plain), _TRY_TIMEOUT_S[on.place.accelerated]
    with clients.stream(target, pause_s=_PAUSE_S, timeout_s=try_s) as flowing:
        failing.amphora.machine.wait_for(
            "answer", lambda: flowing.answered_since(0.0), _TAKEOVER_TIMEOUT_S
        )
        failing.amphora.machine.cut_power()
        on.nodes = (heir,)
        cut = time.monotonic()
        resumed = heir.amphora.machine.wait_for(
            "answer of the standby", lambda: flowing.answered_since(cut), _TAKEOVER_TIMEOUT_S
        )
    last = max(one.ended for one in flowing.tries if not one.fault and one.ended <= cut)
    gap = resumed.ended - last
    text = (
        f"amphora {heir.number} answers {gap:.1f} s after the last answer of amphora"
        f" {failing.number}, whose power was cut"
    )
    if on.holder() is not heir:
        return findings.failed(f"{text}, but the network still sends the VIP elsewhere")
    limit = _TAKEOVER_LIMIT_S[on.place.accelerated]
    if gap > limit:
        return findings.failed(f"{text}; the limit is {limit:.0f} s")
    return findings.passed(text)


def _serves(on: scene.Scene) -> findings.Verdict:
    """Check that the amphora that took over knows all that the other did."""
    if not on.pair:
        return _single()
    (heir,) = on.nodes
    if heir.amphora.agent.haproxy(on.balancer.id) != haproxy.configuration(on.balancer):
        return findings.failed("its haproxy has another configuration")
    verdicts = [serving.balanced(on, listener) for listener in on.balancer.listeners]
    verdicts.append(serving.policies(on))
    if on.balancer.additional_vip:
        verdicts.append(serving.balanced(on, on.plain, vip=on.balancer.additional_vip))
    for verdict in verdicts:
        if verdict.outcome is findings.Outcome.FAIL:
            return verdict
    return findings.passed("; ".join(verdict.evidence for verdict in verdicts))


def _single() -> findings.Verdict:
    memory = hardware.MEMORY // model.MIB
    return findings.not_applicable(f"not enough memory for a second machine of {memory} MiB")


BOOTED = scene.Check("standby booted", _booted)
BEGINS = scene.Check("keepalived started", _begins)
CHECKS = (
    scene.Check("standby joins", _joins),
    scene.Check("standby takes over", _takes_over),
    scene.Check("standby lacks nothing", _serves),
)
