"""The checks of an amphora that booted, where something is wrong with it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.base_images import base_images
from tests.support.proof import agent_server

from retrofit import model
from retrofit.model import findings
from retrofit.proof import bench, hardware, machine, qemu_words
from retrofit.recipes.amphora.trial import agent, amphora, boot, controller

_ID = str(uuid.uuid4())
_MEMORY_KIB = hardware.MEMORY // 1024
_REPORT = {
    "state": "running",
    "units": "139",
    "cloud-init": "status: done detail: DataSourceConfigDrive [net,ver=2]",
    "root": str(7 * model.GIB),
    "clock": "NOW",
    "firmware": "bios",
}
_ANSWERS: dict[str, tuple[int, Any]] = {
    "/": (200, {"api_version": "1.0"}),
    "/1.0/info": (200, {"hostname": f"amphora-{_ID}", "haproxy_version": "2.8.5-1ubuntu3"}),
    "/1.0/details": (
        200,
        {
            "cpu_count": hardware.processors(accelerated=False),
            "memory": {"total": _MEMORY_KIB - 50_000},
            "disk": {"used": 2 * model.GIB, "available": 5 * model.GIB},
        },
    ),
    "/1.0/interface/192.0.2.1": (404, {"message": "Error interface not found for IP address"}),
    "/1.0/listeners": (200, []),
}


def _proven(
    work: pathlib.Path,
    *,
    report: dict[str, str] | None = None,
    answers: dict[str, tuple[int, Any]] | None = None,
    asks: ssl.VerifyMode = ssl.CERT_REQUIRED,
) -> dict[str, findings.Verdict]:
    """Return the verdict of each check on an amphora with this report and these answers."""
    with _amphora(work, asks) as (first, server):
        for path, (status, body) in (_ANSWERS | (answers or {})).items():
            server.answers[path] = [(status, json.dumps(body).encode())]
        lines = _REPORT | (report or {})
        text = "".join(f"{key} {value}\n" for key, value in lines.items()) + "end\n"
        first.machine.report.write_text(text.replace("NOW", str(int(time.time()))))
        place = bench.Bench(
            image=work / "disk.raw",
            architecture="amd64",
            hardware=hardware.of({}, "amd64"),
            work=work,
            evidence=work,
            flavor_disk=8 * model.GIB,
            accelerated=False,
            boot_timeout_s=5.0,
            reporter=base_images.Silent(),
        )
        return {finding.check: finding.verdict for finding in boot.checks(first, place)}


class _Reporter(base_images.Silent):
    """Keeps what steps do."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def doing(self, text: str) -> None:
        self._told.append(text)


@contextlib.contextmanager
def _amphora(
    work: pathlib.Path, asks: ssl.VerifyMode, told: list[str] | None = None
) -> Iterator[tuple[amphora.Amphora, agent_server.AgentServer]]:
    """Give an amphora whose machine is a process that sleeps, and the server that is its agent."""
    owner = controller.new(work)
    certificate, client_ca = work / "server.pem", work / "client_ca.pem"
    certificate.write_text(owner.amphorae.issue(_ID).both)
    client_ca.write_text(owner.controllers.pair.certificate)
    server = agent_server.AgentServer(certificate, client_ca, asks=asks)
    sleeping = subprocess.Popen(["sleep", "60"], stderr=subprocess.PIPE)
    asleep = machine.Machine(
        "amphora-1",
        files=qemu_words.Files(
            work / "disk", work / "drive", work / "console.log", work / "report.log", work / "fd"
        ),
        made=hardware.of({}, "amd64"),
        emulator=sleeping,
        reporter=_Reporter([] if told is None else told),
        monitor=None,  # type: ignore[arg-type] (no card is plugged in)
    )
    client = agent.Agent(
        _ID, "127.0.0.1", server.server_port, server_ca=owner.server_ca, client=owner.client
    )
    with agent_server.serving(server), sleeping:
        yield (
            amphora.Amphora(_ID, f"amphora-{_ID}", asleep, client, owner, time.monotonic()),
            server,
        )
        sleeping.kill()


def test_a_good_one_passes(tmp_path: pathlib.Path) -> None:
    proven = _proven(tmp_path)

    assert len(proven) == 15
    assert all(verdict.outcome is findings.Outcome.PASS for verdict in proven.values()), proven


def test_what_the_console_said_last_is_told_while_a_boot_is_waited_for(
    tmp_path: pathlib.Path,
) -> None:
    told: list[str] = []
    with _amphora(tmp_path, ssl.CERT_REQUIRED, told) as (first, _):
        first.machine.console.write_bytes(
            b"\x1b[?25l\x1b[0;32mBooting\r\nReached \x1b[1mtarget\x1b[0m "
            + b"x" * 400
            + b"\r\n***\r\n"
        )
        answers = iter([None, True])
        first.machine.wait_for("end of the boot", lambda: next(answers), 9.0)

    assert told == ["no end of the boot yet: Reached target " + "x" * 85]


def test_a_fault_on_the_console_is_seen_while_a_question_hangs(tmp_path: pathlib.Path) -> None:
    # As QEMU does for a machine in which nothing listens: it takes the connection, and no more.
    with _amphora(tmp_path, ssl.CERT_REQUIRED) as (first, _), socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hung = dataclasses.replace(
            first, agent=dataclasses.replace(first.agent, port=silent.getsockname()[1])
        )
        first.machine.console.write_text("Kernel panic - not syncing: no root file system\n")
        began = time.monotonic()

        with pytest.raises(machine.MachineFailed, match="kernel panic: no root file system"):
            hung.await_agent(60.0)

    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("check", "report", "evidence"),
    [
        (
            "no failed unit",
            {"state": "degraded", "failed": "site.service mount: /srv: no such device"},
            "site.service failed: mount: /srv: no such device",
        ),
        ("no failed unit", {"state": "maintenance"}, "the system is maintenance"),
        ("no failed unit", {"state": "degraded"}, "the system is degraded"),
        (
            "no failed unit",
            {"state": "degraded", "failed": "motd-news.service \nfailed site.service no device"},
            "motd-news.service failed: ; site.service failed: no device",
        ),
        (
            "cloud-init done",
            {"cloud-init": "status: error detail: no modules"},
            "status: error detail: no modules",
        ),
        (
            "firmware",
            {"firmware": "secure-boot"},
            "the kernel log says secure-boot, on a machine with a BIOS",
        ),
        ("firmware", {"firmware": ""}, "the kernel log says nothing, on a machine with a BIOS"),
        ("cloud-init done", {"cloud-init": ""}, "cloud-init reports no status"),
        ("clock", {"clock": "0"}, r"the clock differs by -\d{10} s"),
        (
            "root file system grown",
            {"root": str(4 * model.GIB)},
            "the root file system has not grown: 4.0 GiB on a disk of 8.0 GiB",
        ),
    ],
)
def test_what_the_system_reports(
    tmp_path: pathlib.Path, check: str, report: dict[str, str], evidence: str
) -> None:
    _only(_proven(tmp_path, report=report), check, evidence)


def test_what_asks_the_internet_may_fail(tmp_path: pathlib.Path) -> None:
    report = {"state": "degraded", "failed": "fwupd-refresh.service no route to host"}

    verdict = _proven(tmp_path, report=report)["no failed unit"]

    assert verdict == findings.passed(
        "139 units are active; fwupd-refresh.service failed without Internet access"
    )


_DETAILS = _ANSWERS["/1.0/details"][1]


@pytest.mark.parametrize(
    ("check", "path", "answer", "evidence"),
    [
        ("agent version", "/", (200, {"api_version": "0.5"}), "API version '0.5' instead of"),
        ("agent info", "/1.0/info", (500, {"error": "no dpkg"}), "answers 500: no dpkg"),
        (
            "agent info",
            "/1.0/info",
            (200, {"hostname": "debian", "haproxy_version": "2.6"}),
            "host name 'debian' instead of 'amphora-",
        ),
        (
            "agent info",
            "/1.0/info",
            (200, {"hostname": "debian", "haproxy_version": ""}),
            "haproxy's version is ''",
        ),
        ("agent info", "/1.0/info", (200, {"hostname": 7}), "is wrong in hostname: "),
        (
            "agent details",
            "/1.0/details",
            (200, _DETAILS | {"memory": {"total": 4096}}),
            "4 MiB of memory, .*, of a machine with 1024 MiB",
        ),
        (
            "agent details",
            "/1.0/details",
            (200, _DETAILS | {"cpu_count": 64}),
            "64 processors, ",
        ),
        (
            "agent details",
            "/1.0/details",
            (200, _DETAILS | {"disk": {"used": 9 * model.GIB, "available": 0}}),
            "9.0 GiB of disk, more than",
        ),
        ("agent details", "/1.0/details", (200, []), "is wrong in : "),
        (
            "agent interfaces",
            "/1.0/interface/192.0.2.1",
            (500, {"error": "No such file: amphora-haproxy"}),
            "answers 500: No such file: amphora-haproxy",
        ),
        (
            "agent interfaces",
            "/1.0/interface/192.0.2.1",
            (200, {"interface": "eth1"}),
            "eth1 has the address",
        ),
        ("agent listeners", "/1.0/listeners", (200, [{"uuid": "1"}]), "listeners exist already: "),
    ],
)
def test_what_the_agent_answers(
    tmp_path: pathlib.Path, check: str, path: str, answer: tuple[int, Any], evidence: str
) -> None:
    _only(_proven(tmp_path, answers={path: answer}), check, evidence)


def test_an_agent_that_takes_anybody(tmp_path: pathlib.Path) -> None:
    proven = _proven(tmp_path, asks=ssl.CERT_NONE)

    refusals = {check: proven[check].evidence for check in proven if check.endswith("refused")}
    assert refusals == dict.fromkeys(
        ("no client certificate refused",)
        + (
            "client certificate of another authority refused",
            "expired client certificate refused",
        ),
        "the agent answers this client",
    )


def test_an_agent_that_does_not_ask_who_shows_nothing(tmp_path: pathlib.Path) -> None:
    _only(
        _proven(tmp_path, asks=ssl.CERT_OPTIONAL),
        "no client certificate refused",
        "the agent answers this client",
    )


def _only(proven: dict[str, findings.Verdict], check: str, evidence: str) -> None:
    """Assert that one check failed, and only that one."""
    failed = {
        name: verdict.evidence
        for name, verdict in proven.items()
        if verdict.outcome is findings.Outcome.FAIL
    }
    assert list(failed) == [check]
    assert re.search(evidence, failed[check])
