"""What a proof says of an image that does not boot, and that nothing of it runs on."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import signal
import subprocess
from typing import Any

import pytest
from tests.support.base_images import base_images
from tests.support.cli import command
from tests.support.proof import broken_images, images

from retrofit import errors, model
from retrofit.host.sandbox import networks, workshop
from retrofit.model import findings
from retrofit.proof import bench, hardware
from retrofit.recipes.amphora.trial import trial

_BOOTING = "tests.support.cli.booting_retrofit"
_VERIFY = ("verify", "--depth", "boot", "--json", "--work-dir")
# The console has begun, and the boot takes longer.
_EARLY_S = 25
_SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture
def directory(open_directory: pathlib.Path) -> pathlib.Path:
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    return open_directory


def _verify(
    directory: pathlib.Path, image: pathlib.Path, *options: str
) -> contextlib.AbstractContextManager[command.Command]:
    """Start to prove that an image boots, where nothing may stay."""
    work = directory / "work"
    return command.started(
        [*_VERIFY, work, image, *options], cwd=directory / "files", work=work, module=_BOOTING
    )


def _failed(stdout: str) -> dict[str, str]:
    """Return the evidence of each check that failed."""
    checks: list[dict[str, Any]] = json.loads(stdout)["checks"]
    return {one["check"]: one["evidence"] for one in checks if one["outcome"] == "fail"}


def test_an_agent_that_does_not_answer_in_time(directory: pathlib.Path) -> None:
    evidence = directory / "evidence"
    options = ["--boot-timeout", str(_EARLY_S), "--evidence", str(evidence)]
    with _verify(directory, images.amphora().path, *options) as running:
        outcome = running.end()

    assert outcome.code == errors.ProofFailed.exit_code, outcome.stderr
    [(check, said)] = _failed(outcome.stdout).items()
    fault, _, last = said.partition("; the console's last line: ")
    assert check == "agent answers"
    assert fault == f"no answer of the agent within {_EARLY_S} s"
    console = (evidence / "amphora-1-console.log").read_text()
    assert last.split()[0] in console
    assert json.loads((evidence / "checks.json").read_text()) == json.loads(outcome.stdout)
    assert outcome.left == ()


def test_a_kernel_that_panics(directory: pathlib.Path) -> None:
    with (
        broken_images.broken(images.amphora().path, "kernel without initrd") as image,
        _verify(directory, image) as running,
    ):
        outcome = running.end()

    assert outcome.code == errors.ProofFailed.exit_code, outcome.stderr
    [(check, said)] = _failed(outcome.stdout).items()
    assert check == "agent answers"
    assert said.startswith("kernel panic: VFS: Unable to mount root fs")
    assert outcome.left == ()


# test_octavia_driver.py has the one whose boot goes on: a failed unit.
@pytest.mark.slow
def test_a_setting_that_ends_the_boot(directory: pathlib.Path) -> None:
    with (
        broken_images.broken(images.amphora().path, "sysctl that breaks boot") as image,
        _verify(directory, image) as running,
    ):
        outcome = running.end()

    assert outcome.code == errors.ProofFailed.exit_code, outcome.stderr
    [(check, said)] = _failed(outcome.stdout).items()
    assert check == "agent answers"
    assert re.search("sysctl|memory", said, re.IGNORECASE)
    assert outcome.left == ()


@pytest.mark.parametrize("number", _SIGNALS, ids=lambda number: number.name)
def test_interruption(number: signal.Signals, directory: pathlib.Path) -> None:
    def boots(_: str) -> bool:
        return any(console.stat().st_size for console in directory.glob("work/*/evidence/*.log"))

    with _verify(directory, images.amphora().path) as running:
        running.wait_for(boots)
        running.send(number)
        outcome = running.end()

    assert outcome.code == _SIGNALS[number], outcome.stderr
    assert outcome.line == "retrofit: error: interrupted; unfinished work was removed"
    assert outcome.left == ()


def _tried(hidden: dict[str, str]) -> list[findings.Finding]:
    """Try an empty disk, where files are hidden behind others with other texts."""

    def work(reporter: base_images.Silent) -> list[findings.Finding]:
        for path, text in hidden.items():
            other = directory / pathlib.Path(path).name
            other.write_text(text)
            subprocess.run(["mount", "--bind", other, path], check=True)
        place = bench.Bench(
            image=raw,
            architecture="amd64",
            hardware=hardware.of({}, "amd64"),
            work=directory,
            evidence=directory,
            flavor_disk=model.GIB,
            accelerated=False,
            boot_timeout_s=60.0,
            reporter=reporter,
        )
        return list(trial.trial(place, findings.Depth.BOOT))

    with workshop.work_directory(None) as directory:
        raw = directory / "disk.raw"
        raw.touch()
        return workshop.run(directory, work, base_images.Silent(), network=networks.Network.ALONE)


def test_qemu_is_missing() -> None:
    with pytest.raises(errors.ToolMissing) as missing:
        _tried({"/usr/bin/qemu-system-x86_64": ""})

    assert missing.value.message == "the program qemu-system-x86_64 is not installed"
    assert missing.value.hint == "install the package qemu-system-x86"


def test_memory_is_short() -> None:
    # As in a container, where lxcfs puts such a file there.
    text = "MemTotal: 2097152 kB\nMemFree: 102400 kB\nMemAvailable: 204800 kB\n"

    with pytest.raises(
        errors.RetrofitError, match=r"needs 1408 MiB of memory, but only 200 MiB are"
    ):
        _tried({"/proc/meminfo": text})


def test_a_disk_that_no_firmware_boots() -> None:
    [finding] = _tried({})

    assert finding.check == "agent answers"
    assert finding.verdict.evidence == "the firmware reports: Boot failed: not a bootable disk"
