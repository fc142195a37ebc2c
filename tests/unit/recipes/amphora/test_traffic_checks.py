"""The checks of traffic fail where a VIP leads to one of the members, and no amphora is there."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import ipaddress
import itertools
import pathlib
import socket
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.base_images import base_images

from retrofit import errors, model
from retrofit.model import findings
from retrofit.proof import bench, certificates, hardware, machine, segment
from retrofit.recipes.amphora.trial import (
    backends,
    changes,
    deployment,
    haproxy,
    heartbeats,
    lvs,
    members,
    packet_listeners,
    scene,
    sctp,
    serving,
    standby,
    traffic,
    udp,
)

_LOOPBACK = "127.0.0.1"
_OTHER = "127.0.0.2"
_JOURNAL = ("haproxy-1.service/ip[2]: started", "haproxy-1.service/ip[3]: no such file")


class _Machine:
    """Stands for a machine that runs, and nothing comes of it."""

    def wait_for(self, what: str, attempt: Callable[[], Any], timeout_s: float) -> Any:
        if (result := attempt()) is None:
            raise machine.MachineFailed(f"no {what} within {timeout_s:.0f} s")
        return result


class _Agent:
    """Stands for an agent that agrees to everything and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: []


class _Scene(scene.Scene):
    """A scene whose VIP, on the loopback, has always been somebody's."""

    def holder(self) -> scene.Node:
        return self.nodes[0]


@pytest.fixture
def on(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[scene.Scene]:
    monkeypatch.setattr(backends, "_GRACE_S", 0.0)
    with socket.create_server((_LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    amphora = types.SimpleNamespace(
        id="amphora", machine=_Machine(), agent=_Agent(), journal=lambda: list(_JOURNAL)
    )
    place = bench.Bench(
        image=tmp_path,
        architecture="amd64",
        hardware=hardware.of({}, "amd64"),
        work=tmp_path,
        evidence=tmp_path,
        flavor_disk=model.GIB,
        accelerated=False,
        boot_timeout_s=1.0,
        reporter=base_images.Silent(),
    )
    plain = haproxy.Listener("plain", port)
    members = tuple(
        haproxy.Member(name, address, port)
        for name, address in {"blue": _LOOPBACK, "green": _OTHER}.items()
    )
    pool = haproxy.Pool("pool", members)
    inbox = heartbeats.Inbox(_LOOPBACK, 0, "key")
    with (
        backends.serve("blue", _LOOPBACK, port) as blue,
        backends.serve("green", _OTHER, port) as green,
    ):
        yield _Scene(
            place=place,
            segment=segment.Segment("lo", ipaddress.IPv4Network("127.0.0.0/8")),
            nodes=(scene.Node(amphora, 1, "", _LOOPBACK),),  # type: ignore[arg-type]
            members={"blue": blue, "green": green},
            inbox=inbox,
            authority=certificates.Authority("Customer"),
            balancer=haproxy.LoadBalancer("balancer", _LOOPBACK, (plain,), plain, pool, pool),
            plain=plain,
            secure=haproxy.Listener("secure", port, terminates_tls=True),
        )
    inbox.close()


def _evidence(on: scene.Scene, name: str) -> str:
    """Return what a check says that has to fail."""
    checks = (*deployment.CHECKS, deployment.ANSWERS, *serving.CHECKS, *changes.CHECKS)
    others = (*packet_listeners.CHECKS, deployment.DELETED)
    [check] = [one for one in (*checks, *others) if one.name == name]
    try:
        verdict = check.look(on)
    except (errors.RetrofitError, OSError, http.client.HTTPException) as error:
        return str(error)
    assert verdict.outcome is findings.Outcome.FAIL
    return verdict.evidence


@pytest.mark.parametrize(
    ("check", "evidence"),
    [
        ("certificate stored", "its MD5 digest is [] instead of"),
        ("haproxy configured", "the agent returns another configuration"),
        ("listeners started", "the agent reports other listeners: []"),
        ("requests balanced", "of 20 requests, the members answered 20 to blue"),
        ("TLS terminated", "WRONG_VERSION_NUMBER"),
        ("HTTP/2 spoken", "WRONG_VERSION_NUMBER"),
        ("metrics", "counts no requests of the HTTP listener (status 200, 1 lines)"),
        ("UDP listener", "no active UDP listener"),
        ("SCTP listener", "no active SCTP listener"),
        ("L7 policies", "/moved is not redirected: status 200, location ''"),
        ("statistics", "no requests were answered"),
        ("member taken out and back", "no report that blue is DOWN"),
        ("member drained by a reload", "some members got none of several requests"),
        ("load balancer deleted", "the VIP still answers, with status 200"),
    ],
)
def test_each_check_can_fail(
    on: scene.Scene, monkeypatch: pytest.MonkeyPatch, check: str, evidence: str
) -> None:
    monkeypatch.setattr(changes, "_HOLD_TIMEOUT_S", 0.5)

    assert evidence in _evidence(on, check)


def test_emulated_amphorae_have_time_to_look_at_haproxy(on: scene.Scene) -> None:
    """A look that takes longer than the time between two costs an amphora its VIP."""
    texts: list[str] = []
    agent = types.SimpleNamespace(
        interface=lambda _: "eth1", upload_vrrp=texts.append, start_vrrp=lambda: None
    )
    other = types.SimpleNamespace(id="other", machine=_Machine(), agent=agent)
    on.nodes = tuple(
        scene.Node(other, number, "", address)  # type: ignore[arg-type]
        for number, address in enumerate((_LOOPBACK, _OTHER), 1)
    )

    verdict = standby.BEGINS.look(on)

    assert verdict.outcome is findings.Outcome.PASS
    [interval] = [line.split()[1] for line in texts[0].splitlines() if "interval" in line]
    # On processors shared by three, beside a listener's check programs, one look took over 20.
    assert int(interval) >= 60


def test_an_ipv6_vip_that_nobody_has(on: scene.Scene) -> None:
    on.balancer = dataclasses.replace(on.balancer, additional_vip="::1")

    assert "Connection refused" in _evidence(on, "IPv6 VIP answers")


@pytest.mark.parametrize("check", ["UDP listener", "SCTP listener"])
def test_a_packet_listener_that_leads_to_one_member(
    on: scene.Scene, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    monkeypatch.setattr(packet_listeners, "_started", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(packet_listeners, "_PORT", packet_listeners._MEMBER_PORT)
    monkeypatch.setattr(packet_listeners, "_ANSWER_TIMEOUT_S", 0.1)
    on.members["green"].address = _OTHER

    assert _evidence(on, check) == "of 10 requests, the members answered 10 to blue"


def test_members_that_see_the_clients_themselves(
    on: scene.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object) -> members.Answer:
        return members.Answer(next(turns), "127.0.0.9")

    turns = itertools.cycle(["blue", "green"])
    monkeypatch.setattr(packet_listeners, "_started", lambda *_: contextlib.nullcontext())
    transport = dataclasses.replace(udp.UDP, ask=ask)
    monkeypatch.setitem(packet_listeners._TRANSPORTS, lvs.Protocol.UDP, transport)

    assert _evidence(on, "UDP listener") == "the members got packets from 127.0.0.9"


def test_a_kernel_that_answers_sctp_itself(
    on: scene.Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(sctp, "_KERNELS", tmp_path)
    [_, check] = packet_listeners.CHECKS

    assert check.look(on).outcome is findings.Outcome.NOT_APPLICABLE


def test_an_agent_that_takes_one_vip_only(on: scene.Scene) -> None:
    on.segment = dataclasses.replace(on.segment, network6=ipaddress.IPv6Network("2001:db8::/64"))
    checks = {one.name: one for one in (*serving.CHECKS, *packet_listeners.CHECKS)}

    for name in ("IPv6 VIP answers", "UDP listener", "SCTP listener"):
        verdict = checks[name].look(on)
        assert verdict == findings.not_applicable(serving.OLD_AGENT)


def test_statistics_that_lack_connections(on: scene.Scene) -> None:
    on.get(on.plain)

    assert "no complete statistics" in _evidence(on, "statistics")


def test_a_vip_that_is_nobodys(on: scene.Scene) -> None:
    for member in on.members.values():
        member.take_down()

    assert "no answer of a member at the VIP" in _evidence(on, "VIP answers")


def test_a_member_that_was_taken_down_comes_back_whatever_happens(on: scene.Scene) -> None:
    _evidence(on, "member taken out and back")

    assert on.get(on.plain).backend == "blue"


def test_a_single_amphora_has_no_standby(on: scene.Scene) -> None:
    outcomes = {check.look(on).outcome for check in standby.CHECKS}

    assert outcomes == {findings.Outcome.NOT_APPLICABLE}


def test_a_service_that_does_not_start_is_quoted(
    on: scene.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: scene.Scene) -> findings.Verdict:
        raise errors.RetrofitError("PUT /start answers 500")

    monkeypatch.setattr(traffic, "_JOURNAL_S", 0.0)
    monkeypatch.setattr(traffic, "_JOURNAL_LINES", 1)
    monkeypatch.setattr(scene, "lay", lambda *_: contextlib.nullcontext(on))
    monkeypatch.setattr(deployment, "CHECKS", (scene.Check("listeners started", refuse),))

    [found] = traffic.checks(on.nodes[0].amphora, None, on.place)

    assert found.verdict == findings.failed(
        f"PUT /start answers 500; the journal of amphora 1: {_JOURNAL[-1]}"
    )
