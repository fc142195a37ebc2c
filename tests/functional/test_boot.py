"""The amphora image boots as in a cloud, and Octavia can work with what runs in it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import amphora_client, authority, config_drive, images, machine

pytestmark = pytest.mark.slow

# Emulated on two busy processors the agent's first answer took up to 390 s.
_BOOT_TIMEOUT_S = 1200
# Its own, so that Octavia finds the agent at the port it always asks.
_ADDRESS = "127.77.0.1"


@dataclasses.dataclass(frozen=True)
class Amphora:
    """A running amphora and the controller it was made for."""

    controller: amphora_client.Controller
    machine: machine.Machine


@pytest.fixture(scope="module")
def amphora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amphora]:
    """An amphora whose agent answers."""
    work = tmp_path_factory.mktemp("amphora")
    image = images.amphora()
    controller = amphora_client.controller(work)
    drive = config_drive.make(controller.plan(), mac=machine.MAC, work=work)

    def answer() -> bool | None:
        try:
            controller.get(_ADDRESS, client=controller.client)
        except OSError:
            return None
        return True

    with machine.boot(
        image.path,
        config_drive=drive,
        work=work,
        address=_ADDRESS,
        port=amphora_client.AGENT_PORT,
    ) as running:
        running.wait_for("answer of the agent", answer, timeout_s=_BOOT_TIMEOUT_S)
        yield Amphora(controller, running)


def test_no_unit_has_failed(amphora: Amphora) -> None:
    def report() -> list[str] | None:
        lines = amphora.machine.report.read_text().splitlines()
        return lines if "end" in lines else None

    lines = amphora.machine.wait_for("report of the boot", report, timeout_s=_BOOT_TIMEOUT_S)

    failed = [line for line in lines if line.startswith("failed ")]
    assert not failed, amphora.machine.failure("units failed")
    assert lines[0] == "state running", amphora.machine.failure("the system is not up")
    assert "cloud-init status: done" in lines, amphora.machine.failure("cloud-init is not done")


def test_agent_answers_over_mutual_tls(amphora: Amphora) -> None:
    status, document = amphora.controller.get(_ADDRESS, client=amphora.controller.client)

    assert status == 200
    assert document == {"api_version": "1.0"}


def test_agent_refuses_who_shows_no_certificate(amphora: Amphora) -> None:
    with pytest.raises(OSError, match=r"certificate required|handshake failure|reset"):
        amphora.controller.get(_ADDRESS, client=None)


def test_agent_refuses_a_stranger(amphora: Amphora, tmp_path: pathlib.Path) -> None:
    stranger = amphora_client.show(authority.Authority(tmp_path))

    with pytest.raises(OSError, match=r"unknown ca|decrypt error|reset"):
        amphora.controller.get(_ADDRESS, client=stranger)


def test_octavia_reads_version_and_info(amphora: Amphora) -> None:
    answers: dict[str, Any] = amphora.controller.read(_ADDRESS)

    assert answers["version"] == {"api_version": "1.0"}
    info = answers["info"]
    assert info["hostname"].startswith("amphora-")
    assert info["haproxy_version"][0].isdigit()
    assert answers["details"]["haproxy_count"] == 0
    assert answers["listeners"] == []
