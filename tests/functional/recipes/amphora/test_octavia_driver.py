"""Octavia's own driver works with what boots from the amphora image, and requests flow.

The image has one fault, which is seen and disturbs nothing else; the container's proof boots the
good one.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import ipaddress
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from cryptography import x509
from tests.support.base_images import base_images
from tests.support.host import authority
from tests.support.proof import amphora_client, broken_images, images

from retrofit import errors, model
from retrofit.host import accelerator
from retrofit.host.sandbox import kvm, networks, workshop
from retrofit.proof import (
    bench,
    certificates,
    config_drive,
    console,
    hardware,
    machine,
    qemu_words,
    report,
    segment,
)
from retrofit.recipes.amphora.trial import backends, clients

_T = TypeVar("_T")

pytestmark = pytest.mark.slow

# Emulated on two busy processors the agent's first answer took up to 390 s.
_BOOT_TIMEOUT_S = 1200.0
_ADDRESS = "127.77.0.1"
_NETWORK = "198.51.100.0/24"
_NETWORK6 = "2001:db8::/64"
_MAC = "52:54:00:0a:4d:21"
_ANSWER_TIMEOUT_S = 120.0
_REQUESTS = 10


@dataclasses.dataclass
class Seen:
    """What was seen of one amphora.

    Attributes:
        report: How its boot ended.
        answer: Status and document of what its agent answers to its controller.
        anonymous: What becomes of a client that shows no certificate.
        stranger: What becomes of one that another authority vouches for.
        read: What Octavia's client reads.
        balanced: What Octavia's driver says when the amphora is a load balancer.
        members: How many requests each member answered, by the scheme that clients used.
    """

    report: report.Report
    answer: tuple[int, Any]
    anonymous: str
    stranger: str
    read: dict[str, Any]
    balanced: dict[str, Any]
    members: dict[str, collections.Counter[str]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What is seen of an amphora that boots, and that Octavia makes a load balancer of."""
    with workshop.work_directory(None) as work:
        program = amphora_client.program(work)
        raw = work / "disk.raw"
        # Out here: root of the workshop need not be able to enter root's home.
        with broken_images.broken(images.amphora().path, "failed unit") as broken:
            broken.rename(raw)
        workshop.adopt(raw)

        def look(reporter: base_images.Silent) -> Seen:
            kvm.take(work)
            return _look(raw, work, program, reporter)

        kvm.lend(work)
        try:
            return workshop.run(work, look, base_images.Silent(), network=networks.Network.ALONE)
        except errors.RetrofitError as error:
            pytest.fail("\n".join([error.message, *error.details]))


def test_a_failed_unit_is_reported(seen: Seen) -> None:
    assert [unit for unit, _ in seen.report.failed] == ["site-setup.service"]
    assert seen.report.state == "degraded"
    assert seen.report.cloud_init.startswith("status: done")


def test_agent_answers_over_mutual_tls(seen: Seen) -> None:
    assert seen.answer == (200, {"api_version": "1.0"})


def test_agent_refuses_who_shows_no_certificate(seen: Seen) -> None:
    assert _matches(seen.anonymous, "certificate required", "handshake failure", "reset")


def test_agent_refuses_a_stranger(seen: Seen) -> None:
    assert _matches(seen.stranger, "unknown ca", "decrypt error", "reset")


def test_octavia_reads_version_and_info(seen: Seen) -> None:
    assert seen.read["version"] == {"api_version": "1.0"}
    info = seen.read["info"]
    assert info["hostname"].startswith("amphora-")
    assert info["haproxy_version"][0].isdigit()
    assert seen.read["details"]["haproxy_count"] == 0
    assert seen.read["listeners"] == []


def test_octavia_plugs_the_vip_and_starts_listeners(seen: Seen) -> None:
    assert seen.balanced["interface"] == "eth1"
    assert sorted(
        (listener["type"], listener["status"]) for listener in seen.balanced["listeners"]
    ) == [("HTTP", "ACTIVE"), ("TERMINATED_HTTPS", "ACTIVE")]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_flow(seen: Seen, scheme: str) -> None:
    assert seen.members[scheme] == {"blue": _REQUESTS // 2, "green": _REQUESTS // 2}


def _look(
    raw: pathlib.Path,
    work: pathlib.Path,
    program: tuple[pathlib.Path, pathlib.Path],
    reporter: base_images.Silent,
) -> Seen:
    """Boot an amphora and do with it what Octavia does; runs in the workshop."""
    place = bench.Bench(
        image=raw,
        architecture="amd64",
        hardware=hardware.of({}, "amd64"),
        work=work,
        evidence=work,
        flavor_disk=8 * model.GIB,
        accelerated=accelerator.accelerates("amd64"),
        boot_timeout_s=_BOOT_TIMEOUT_S,
        reporter=reporter,
    )
    controller = amphora_client.controller(work, program)
    vendor_data = report.script(qemu_words.report_port(place.hardware))
    server = dataclasses.replace(controller.plan(), vendor_data=vendor_data)
    drive = config_drive.make(server, mac=machine.MAC, work=work)
    port = amphora_client.AGENT_PORT
    with machine.start(place, "amphora", drive=drive, forward=(_ADDRESS, port)) as running:
        said = running.wait_for(
            "report of the boot",
            lambda: report.parse(console.lines(running.report)),
            _BOOT_TIMEOUT_S,
        )
        answer = running.wait_for(
            "answer of the agent",
            lambda: _unless_refused(lambda: controller.get(_ADDRESS, client=controller.client)),
            _BOOT_TIMEOUT_S,
        )
        strangers = work / "strangers"
        strangers.mkdir()
        stranger = amphora_client.show(authority.Authority(strangers))
        return Seen(
            report=said,
            answer=answer,
            anonymous=_refusal(lambda: controller.get(_ADDRESS, client=None)),
            stranger=_refusal(lambda: controller.get(_ADDRESS, client=stranger)),
            read=controller.read(_ADDRESS),
            **_balance(running, controller),
        )


def _balance(running: machine.Machine, controller: amphora_client.Controller) -> dict[str, Any]:
    """Have Octavia make a load balancer of the amphora, and make requests."""
    lan = segment.lay("vip", _NETWORK, _NETWORK6)
    vip = lan.address(100)
    customers = certificates.Authority("Customers")
    pair = customers.issue(vip, [x509.IPAddress(ipaddress.ip_address(vip))])
    with contextlib.ExitStack() as held:
        members = [
            held.enter_context(backends.serve(name, lan.claim(number), 8080))
            for name, number in {"blue": 11, "green": 12}.items()
        ]
        running.plug(lan.tap("vip1"), _MAC)
        balanced = controller.balance(
            _ADDRESS,
            {
                "vip": vip,
                "vrrp_ip": lan.address(101),
                "mac": _MAC,
                "cidr": _NETWORK,
                "gateway": lan.gateway,
                "members": [(member.address, member.port) for member in members],
                "health": backends.HEALTH,
                "certificate": pair.certificate,
                "key": pair.key,
            },
        )
        targets = {
            "http": clients.Target(vip, 80),
            "https": clients.Target(vip, 443, customers.pair.certificate),
        }
        counted = {}
        for scheme, target in targets.items():
            running.wait_for(
                f"answer over {scheme}",
                lambda target=target: _unless_refused(target.get),
                _ANSWER_TIMEOUT_S,
            )
            answers = [target.get() for _ in range(_REQUESTS)]
            assert {answer.told["forwarded-proto"] for answer in answers} == {scheme}
            counted[scheme] = collections.Counter(answer.backend for answer in answers)
    return {"balanced": balanced, "members": counted}


def _unless_refused(attempt: Callable[[], _T]) -> _T | None:
    try:
        return attempt()
    except OSError:
        return None


def _refusal(attempt: Callable[[], object]) -> str:
    """Return why a request was refused; empty if it was not."""
    try:
        attempt()
    except OSError as error:
        return str(error)
    return ""


def _matches(text: str, *words: str) -> bool:
    return any(word in text.lower() for word in words)
