"""Amphorae for other architectures, made by programs that run in an emulator, are proven."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
from tests.support.cli import command

# A build and a machine, both emulated.
pytestmark = pytest.mark.slow

_TIMEOUT_S = 7200.0
_IMAGE = "amphora.qcow2"
_REGISTRATIONS = pathlib.Path("/proc/sys/fs/binfmt_misc")
Run = Callable[..., command.Outcome]


@pytest.fixture
def run(open_directory: pathlib.Path) -> Run:
    """Return what runs a command in a directory, which leaves nothing elsewhere."""
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    work, files = open_directory / "work", open_directory / "files"

    def run(*words: str | pathlib.Path) -> command.Outcome:
        before = sorted(_REGISTRATIONS.iterdir())
        with command.started([*words, "--work-dir", work], cwd=files, work=work) as running:
            outcome: command.Outcome = running.end(timeout_s=_TIMEOUT_S)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        assert sorted(_REGISTRATIONS.iterdir()) == before
        return outcome

    return run


def _create(run: Run, open_directory: pathlib.Path, series: str, architecture: str) -> None:
    base = ["--series", series, "--architecture", architecture, "--package-set", "minimal"]
    cache = open_directory / "cache"
    run("create", _IMAGE, *base, "--compression", "none", "--cache-dir", cache)


@pytest.mark.parametrize(
    ("architecture", "board", "firmware"),
    [("arm64", "virt", "uefi"), ("ppc64el", "pseries", "slof")],
)
def test_an_amphora_boots(
    architecture: str, board: str, firmware: str, run: Run, open_directory: pathlib.Path
) -> None:
    _create(run, open_directory, "bookworm", architecture)
    proof = json.loads(run("verify", _IMAGE, "--json", "--boot-timeout", "3600").stdout)

    assert (proof["result"], proof["depth"]) == ("passed", "boot")
    assert (proof["machine"]["board"], proof["machine"]["firmware"]) == (board, firmware)
    seen = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert seen["image"] == f"debian bookworm {architecture}"
    assert "agent answers" in seen


# Debian has riscv64 since trixie.
@pytest.mark.parametrize(
    ("series", "architecture"), [("bookworm", "armhf"), ("trixie", "riscv64")]
)
def test_an_amphora_is_proven_at_rest(
    series: str, architecture: str, run: Run, open_directory: pathlib.Path
) -> None:
    _create(run, open_directory, series, architecture)
    proof = json.loads(run("verify", _IMAGE, "--json", "--depth", "rest").stdout)

    assert (proof["result"], proof["depth"]) == ("passed", "rest")
    seen = {check["check"]: check["evidence"] for check in proof["checks"]}
    assert seen["image"] == f"debian {series} {architecture}"
