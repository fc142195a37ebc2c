"""An image from scratch boots with UEFI, and with UEFI that starts only what is signed."""

from __future__ import annotations

import json
import pathlib

import pytest
from tests.support.cli import command

# A build and two emulated machines.
pytestmark = pytest.mark.slow

_TIMEOUT_S = 3600.0


def test_it_boots_with_and_without_secure_boot(open_directory: pathlib.Path) -> None:
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    work, image = open_directory / "work", open_directory / "files" / "plain.qcow2"
    evidence = open_directory / "evidence"

    def run(*words: str | pathlib.Path) -> command.Outcome:
        with command.started(
            [*words, "--recipe", "plain", "--work-dir", work], cwd=image.parent, work=work
        ) as running:
            outcome: command.Outcome = running.end(timeout_s=_TIMEOUT_S)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        return outcome

    base = ["--series", "bookworm", "--package-set", "minimal", "--compression", "none"]
    run("create", image, *base, "--cache-dir", open_directory / "cache")
    firmwares = ["--firmware", "uefi", "--firmware", "secure-boot"]
    proof = json.loads(run("verify", image, "--json", "--evidence", evidence, *firmwares).stdout)

    assert proof["machine"]["firmware"] == "uefi / uefi, secure boot"
    seen = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert seen["firmware, uefi"] == "the kernel was started by UEFI without Secure Boot"
    assert seen["firmware, secure-boot"] == "the kernel was started by UEFI with Secure Boot"
    consoles = {
        firmware: (evidence / f"{firmware}-server-console.log").read_text()
        for firmware in ("uefi", "secure-boot")
    }
    assert "Secure boot enabled" in consoles["secure-boot"]
    assert "Secure boot enabled" not in consoles["uefi"]
