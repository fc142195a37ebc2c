"""An amphora for another architecture, made by programs that run in an emulator, boots."""

from __future__ import annotations

import json
import pathlib

import pytest
from tests.support.cli import command

# A build and a machine, both emulated.
pytestmark = pytest.mark.slow

_TIMEOUT_S = 7200.0
_REGISTRATIONS = pathlib.Path("/proc/sys/fs/binfmt_misc")


@pytest.mark.parametrize(
    ("architecture", "board", "firmware"),
    [("arm64", "virt", "uefi"), ("ppc64el", "pseries", "slof")],
)
def test_an_amphora_boots(
    architecture: str, board: str, firmware: str, open_directory: pathlib.Path
) -> None:
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    work, image = open_directory / "work", open_directory / "files" / "amphora.qcow2"
    before = sorted(_REGISTRATIONS.iterdir())

    def run(*words: str | pathlib.Path) -> command.Outcome:
        with command.started([*words, "--work-dir", work], cwd=image.parent, work=work) as running:
            outcome: command.Outcome = running.end(timeout_s=_TIMEOUT_S)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        return outcome

    base = ["--series", "bookworm", "--architecture", architecture, "--package-set", "minimal"]
    run("create", image, *base, "--compression", "none", "--cache-dir", open_directory / "cache")
    proof = json.loads(run("verify", image, "--json", "--boot-timeout", "3600").stdout)

    assert sorted(_REGISTRATIONS.iterdir()) == before
    assert (proof["result"], proof["depth"]) == ("passed", "boot")
    assert (proof["machine"]["board"], proof["machine"]["firmware"]) == (board, firmware)
    seen = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert seen["image"] == f"debian bookworm {architecture}"
    assert "agent answers" in seen
