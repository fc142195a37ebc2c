"""Checks of UDP and SCTP listeners, which the amphora's kernel balances.

Each comes and goes with its check: on emulated machines, looking after members takes much of the
processor, which the other checks would miss.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import time
import uuid
from collections.abc import Iterator

from ....model import findings
from . import haproxy, lvs, members, scene, sctp, serving, udp

_TRANSPORTS = {lvs.Protocol.UDP: udp.UDP, lvs.Protocol.SCTP: sctp.SCTP}
# Another than the members have, so that packets are changed on their way.
_PORT, _MEMBER_PORT = 5300, 8053
_REQUESTS = 10
# Seconds between looks at a member, and until one has failed, which is a program of the amphora
# each: Octavia's defaults, and what emulated machines can do. On a busy host, a start of Python
# takes such a machine half a minute of one of its processors.
_INTERVAL_S = {True: 5, False: 40}
_TIMEOUT_S = {True: 5, False: 180}
_START_TIMEOUT_S = 300.0
# Until each member has answered once, and between tries.
_ANSWER_TIMEOUT_S = 120.0
_RETRY_S = 0.5
_CHANGED = "blue"


def _check(on: scene.Scene, protocol: lvs.Protocol) -> findings.Verdict:
    if obstacle := _TRANSPORTS[protocol].obstacle():
        return findings.not_applicable(obstacle)
    if not on.balancer.additional_vip and on.segment.network6 is not None:
        # Their form of this listener's configuration differs.
        return findings.not_applicable(serving.OLD_AGENT)
    with contextlib.ExitStack() as held:
        servers = {}
        for name, member in on.members.items():
            servers[name] = _TRANSPORTS[protocol].serve(name, member.address, _MEMBER_PORT)
            held.callback(servers[name].take_down)
        listener = _listener(on, protocol, servers)
        held.enter_context(_started(on, listener))
        _await_members(on, listener)
        balanced = _balanced(on, listener)
        if balanced.outcome is findings.Outcome.FAIL:
            return balanced
        watched = _watched(on, listener, servers[_CHANGED])
    if watched.outcome is findings.Outcome.FAIL:
        return watched
    return findings.passed(f"{balanced.evidence}; {watched.evidence}")


def _listener(
    on: scene.Scene, protocol: lvs.Protocol, servers: dict[str, members.Member]
) -> lvs.Listener:
    fast = on.place.accelerated
    return lvs.Listener(
        id=str(uuid.uuid4()),
        protocol=protocol,
        port=_PORT,
        pool=haproxy.Pool(
            str(uuid.uuid4()),
            tuple(
                haproxy.Member(str(uuid.uuid4()), one.address, one.port)
                for one in servers.values()
            ),
        ),
        monitor=str(uuid.uuid4()),
        interval_s=_INTERVAL_S[fast],
        timeout_s=_TIMEOUT_S[fast],
    )


@contextlib.contextmanager
def _started(on: scene.Scene, listener: lvs.Listener) -> Iterator[None]:
    """Have the amphorae serve a listener for as long as the context lasts."""
    text = lvs.configuration(listener, on.balancer)

    def start(node: scene.Node) -> None:
        node.amphora.agent.upload_lvs(listener.id, text)
        node.amphora.agent.start(listener.id)

    def active(node: scene.Node) -> bool | None:
        listeners = node.amphora.agent.listeners()
        found = [one["status"] for one in listeners if one["uuid"] == listener.id]
        return found == ["ACTIVE"] or None

    on.each(start)
    try:
        for node in on.nodes:
            node.amphora.machine.wait_for(
                f"active {listener.protocol} listener",
                functools.partial(active, node),
                _START_TIMEOUT_S,
            )
        yield
    finally:
        on.each(lambda node: node.amphora.agent.delete(listener.id))


def _ask(on: scene.Scene, listener: lvs.Listener) -> members.Answer:
    transport = _TRANSPORTS[listener.protocol]
    return transport.ask(on.segment.gateway, on.balancer.vip, listener.port)


def _await_members(on: scene.Scene, listener: lvs.Listener) -> None:
    """Wait until each member has answered once.

    The agent calls a listener active as soon as keepalived runs, which tells the kernel of the
    members a moment later.

    Raises:
        members.Unanswered: Nobody answered in time.
        OSError: Likewise. Whether all answered is not looked at here.
    """
    silent = set(on.members)
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while True:
        late = time.monotonic() >= deadline
        try:
            silent.discard(_ask(on, listener).backend)
        except (OSError, members.Unanswered):
            if late:
                raise
        if late or not silent:
            return
        time.sleep(_RETRY_S)


def _balanced(on: scene.Scene, listener: lvs.Listener) -> findings.Verdict:
    """Check that members answer in turn, and that packets came to them from the amphora."""
    answers = [_ask(on, listener) for _ in range(_REQUESTS)]
    shares = collections.Counter(answer.backend for answer in answers)
    text = ", ".join(f"{count} to {name}" for name, count in sorted(shares.items()))
    if shares != dict.fromkeys(on.members, _REQUESTS // len(on.members)):
        return findings.failed(f"of {_REQUESTS} requests, the members answered {text}")
    senders = {on.holder().address, on.balancer.vip}
    if strangers := {answer.client for answer in answers} - senders:
        return findings.failed(f"the members got packets from {', '.join(sorted(strangers))}")
    return findings.passed(f"{_REQUESTS} requests: {text}")


def _watched(on: scene.Scene, listener: lvs.Listener, changed: members.Member) -> findings.Verdict:
    """Take a member down and bring it up again."""
    pool = listener.pool
    member = next(one for one in pool.members if one.address == changed.address)

    def await_state(state: str) -> float:
        return on.await_state(changed.name, pool.id, member.id, state)

    await_state("UP")
    changed.take_down()
    down_s = await_state("DOWN")
    others = {_ask(on, listener).backend for _ in on.members}
    changed.bring_up()
    up_s = await_state("UP")
    if changed.name in others:
        return findings.failed(f"{changed.name} is DOWN, and still gets requests")
    return findings.passed(
        f"the amphora reports {changed.name} as DOWN after {down_s:.0f} s, and as UP"
        f" {up_s:.0f} s after it came back"
    )


def _udp(on: scene.Scene) -> findings.Verdict:
    return _check(on, lvs.Protocol.UDP)


def _sctp(on: scene.Scene) -> findings.Verdict:
    return _check(on, lvs.Protocol.SCTP)


CHECKS = (
    scene.Check("UDP listener", _udp),
    scene.Check("SCTP listener", _sctp),
)
