"""Measurements of real commands: what they say, and what is left of one that takes too long."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
import time

import pytest
from benchmarks import measure, sampling
from tests.support import paths, scratch

_MIB = 2**20
# A process with a session of its own and a mount on a loop device, as peers make them.
_MOUNTS = """\
truncate --size 16M disk
mkfs.ext4 -q disk
mkdir mounted
mount -o loop disk mounted
setsid sleep 300.25 &
cd mounted
sleep 300.25
"""


def test_a_command_over_its_bound_leaves_nothing(tmp_path: pathlib.Path):
    command = measure.Command(["sh", "-c", _MOUNTS], tmp_path, bound_s=3, isolated=True)

    measured = measure.run(command)

    assert measured.outcome is measure.Outcome.STOPPED
    assert measured.cpu_s is None
    assert (tmp_path / "mounted").is_dir()
    _eventually_gone("pgrep", "--full", "sleep 300.25")
    _eventually_gone("losetup", "--noheadings", "--associated", tmp_path / "disk")


def test_one_that_tidies_up_gets_time_for_it(tmp_path: pathlib.Path):
    script = "trap 'sleep 0.5; echo tidied; exit' TERM; while :; do sleep 0.1; done"

    measured = measure.run(measure.Command(["bash", "-c", script], tmp_path, bound_s=1))

    assert measured.outcome is measure.Outcome.STOPPED
    assert measured.output == "tidied\n"


def test_a_failure_is_told_with_its_last_lines(tmp_path: pathlib.Path):
    command = measure.Command(["sh", "-c", "echo no >&2; exit 3"], tmp_path, bound_s=60)

    measured = measure.run(command)

    assert (measured.outcome, measured.complaint) == (measure.Outcome.FAILED, "no")


def test_what_a_command_costs_is_measured():
    script = "dd if=/dev/zero of=file bs=1M count=64 2>/dev/null; sleep 1"

    # On a disk: what is written to memory is not counted.
    with tempfile.TemporaryDirectory(dir=paths.cache()) as place:
        measured = measure.run(measure.Command(["sh", "-c", script], pathlib.Path(place), 60))

    assert measured.outcome is measure.Outcome.DONE
    assert 1 <= measured.wall_s < 60
    assert 64 * _MIB <= (measured.written or 0) < 80 * _MIB


def test_the_disk_that_a_command_takes_is_measured(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    script = "dd if=/dev/zero of=file bs=1M count=64 2>/dev/null; sleep 3; rm file"
    begin = sampling.Watch.__init__

    def begin_late(*arguments: object) -> None:
        """As on a busy machine, where the command is well under way by then."""
        time.sleep(1)
        begin(*arguments)

    monkeypatch.setattr(sampling.Watch, "__init__", begin_late)

    # Of a file system that nothing else fills and empties meanwhile.
    with scratch.file_system(tmp_path / "disk", mebibytes=128) as place:
        measured = measure.run(measure.Command(["sh", "-c", script], place, 60))

    assert 64 * _MIB <= measured.peak_disk < 80 * _MIB


def _eventually_gone(*command: str | pathlib.Path) -> None:
    """Wait until a command that lists things finds none."""
    deadline = time.monotonic() + 10
    while subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout:
        assert time.monotonic() < deadline, command
        time.sleep(0.1)
