"""Checks while a load balancer comes to be on amphorae, and goes."""

from __future__ import annotations

import http.client
import time

from ....model import findings
from . import haproxy, plugging, scene

# Emulated on busy processors, everything that starts a service takes up to two minutes.
_ANSWER_TIMEOUT_S = 300.0
_TRY_TIMEOUT_S = 5.0


def _plugged(on: scene.Scene) -> findings.Verdict:
    began = time.monotonic()
    on.balancer = plugging.plug(on)
    names = on.each(lambda node: node.amphora.agent.interface(node.address))
    texts = (f"{name} has {node.address}" for name, node in zip(names, on.nodes, strict=True))
    return findings.passed(f"{', '.join(texts)} after {time.monotonic() - began:.0f} s")


def _certificate(on: scene.Scene) -> findings.Verdict:
    name, digest = on.store_certificate()
    for node in on.nodes:
        stored = node.amphora.agent.certificate_digest(on.balancer.id, name)
        if stored != digest:
            return findings.failed(f"its MD5 digest is {stored} instead of {digest}")
    return findings.passed(f"MD5 digest {digest}")


def _configured(on: scene.Scene) -> findings.Verdict:
    began = time.monotonic()
    on.configure(on.balancer)
    took = time.monotonic() - began
    text = haproxy.configuration(on.balancer)
    if any(node.amphora.agent.haproxy(on.balancer.id) != text for node in on.nodes):
        return findings.failed("the agent returns another configuration")
    lines = len(text.splitlines())
    return findings.passed(f"{lines} lines, accepted by haproxy, after {took:.0f} s")


def _started(on: scene.Scene) -> findings.Verdict:
    began = time.monotonic()
    on.start()
    took = time.monotonic() - began
    wanted = {listener.id: "ACTIVE" for listener in (*on.balancer.listeners, on.balancer.metrics)}
    for node in on.nodes:
        listeners = node.amphora.agent.listeners()
        # To the agent, each frontend is a listener, Octavia's own one for metrics among them.
        found = {one["uuid"]: one["status"] for one in listeners}
        if not found.items() >= wanted.items():
            return findings.failed(f"the agent reports other listeners: {listeners}")
    return findings.passed(f"{len(wanted)} listeners are active after {took:.0f} s")


def _answers(on: scene.Scene) -> findings.Verdict:
    took = await_vip(on, on.nodes[0])
    number = on.holder().number
    return findings.passed(f"{on.balancer.vip} answers after {took:.0f} s, from amphora {number}")


def await_vip(on: scene.Scene, node: scene.Node) -> float:
    """Wait until an amphora has the VIP and answers there; return the seconds.

    Raises:
        machine.MachineFailed: It does not.
    """
    began = time.monotonic()

    def answers() -> bool | None:
        try:
            answered = on.get(on.plain, timeout_s=_TRY_TIMEOUT_S).backend
        except (OSError, http.client.HTTPException):
            return None
        return (bool(answered) and on.holder() is node) or None

    machine = node.amphora.machine
    machine.wait_for("answer of a member at the VIP", answers, _ANSWER_TIMEOUT_S)
    return time.monotonic() - began


def _deleted(on: scene.Scene) -> findings.Verdict:
    on.each(lambda node: node.amphora.agent.stop(on.balancer.id))
    on.each(lambda node: node.amphora.agent.delete(on.balancer.id))
    for node in on.nodes:
        if listeners := node.amphora.agent.listeners():
            return findings.failed(f"listeners still exist: {listeners}")
    try:
        answer = on.get(on.plain, timeout_s=_TRY_TIMEOUT_S)
    except (OSError, http.client.HTTPException) as error:
        return findings.passed(f"no listeners exist, the VIP answers: {error}")
    return findings.failed(f"the VIP still answers, with status {answer.status}")


CHECKS = (
    scene.Check("VIP plugged", _plugged),
    scene.Check("certificate stored", _certificate),
    scene.Check("haproxy configured", _configured),
    scene.Check("listeners started", _started),
)
ANSWERS = scene.Check("VIP answers", _answers)
DELETED = scene.Check("load balancer deleted", _deleted)
