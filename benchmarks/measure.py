"""Runs a command and measures what it costs; leaves nothing of one that takes too long."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO

from retrofit.host import signals

from . import sampling

_SAMPLE_S = 0.25
_DEATH_S = 30.0
_LAST_LINES = 5
# Mounts end with the mount namespace, and processes, whatever sessions they began, with the first
# one of their namespace, which ends with unshare.
_ISOLATION = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_DROP_CACHES = pathlib.Path("/proc/sys/vm/drop_caches")


class Outcome(enum.StrEnum):
    """How a command ended."""

    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        argv: Program and arguments.
        place: Directory it runs in; what it needs of this file system is measured.
        bound_s: Seconds after which it is stopped.
        environment: Variables added to this process's.
        isolated: Whether it gets mount and process namespaces of its own, so that all it mounted
            and started ends with it. What tidies up after itself gets time for that instead.
    """

    argv: Sequence[str | pathlib.Path]
    place: pathlib.Path
    bound_s: float
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    isolated: bool = False


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a command cost.

    Attributes:
        outcome: How it ended.
        output: What it printed on standard output.
        complaint: The last lines it printed on standard error, if it failed.
        wall_s: Elapsed seconds.
        cpu_s: Processor seconds of it and all its children; those of a stopped one are not known.
        largest_process: Largest resident size of one of its processes, in bytes; as above.
        own_memory: The same of those that run this project's Python.
        peak_disk: Bytes of the disk that it took at most.
        written: Bytes that its processes wrote to file systems other than memory, whether they
            reached the disk already or not (``ru_oublock``); not known of a stopped one.
        downloaded: Bytes that the machine received meanwhile.
    """

    outcome: Outcome
    output: str
    complaint: str
    wall_s: float
    cpu_s: float | None
    largest_process: int | None
    own_memory: int
    peak_disk: int
    written: int | None
    downloaded: int


def run(command: Command) -> Measured:
    """Run a command to its end or its bound.

    Raises:
        errors.Interrupted: A signal arrived; nothing of the command goes on.
    """
    # What was deleted before becomes free now, not while this runs.
    os.sync()
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        contextlib.ExitStack() as held,
    ):
        # Before the command begins: on a busy machine it has written much when this goes on.
        free = sampling.free_bytes(command.place)
        received = sampling.received_bytes()
        begun = time.monotonic()
        with signals.deferred():
            child = subprocess.Popen(
                [*(_ISOLATION if command.isolated else ()), *command.argv],
                cwd=command.place,
                env=os.environ | dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            held.callback(_end, child, kindly=not command.isolated)
        watch = sampling.Watch(child.pid, command.place, free)
        in_time = _wait(child, watch, begun + command.bound_s)
        wall_s = time.monotonic() - begun
        downloaded = sampling.received_bytes() - received
        if not in_time:
            _end(child, kindly=not command.isolated)
            outcome, usage = Outcome.STOPPED, None
        else:
            # Unlike Popen.wait, it tells what this child and those it waited for have used.
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            outcome = Outcome.DONE if child.returncode == 0 else Outcome.FAILED
        return Measured(
            outcome=outcome,
            output=_text(stdout),
            complaint="" if outcome is Outcome.DONE else _tail(stderr),
            wall_s=round(wall_s, 1),
            cpu_s=round(usage.ru_utime + usage.ru_stime, 2) if usage else None,
            # Linux counts ru_maxrss in KiB and ru_oublock in sectors (getrusage(2)).
            largest_process=usage.ru_maxrss * 1024 if usage else None,
            own_memory=watch.own_memory,
            peak_disk=watch.peak_disk,
            written=usage.ru_oublock * 512 if usage else None,
            downloaded=downloaded,
        )


def forget_pages() -> bool:
    """Have the kernel drop the files it keeps in memory; tell whether it did."""
    os.sync()
    try:
        _DROP_CACHES.write_text("3")
    except OSError:
        return False
    return True


def _wait(child: subprocess.Popen[bytes], watch: sampling.Watch, deadline: float) -> bool:
    """Watch a child until it ended, which it is told by, or the deadline is there."""
    descriptor = os.pidfd_open(child.pid)
    try:
        while time.monotonic() < deadline:
            watch.look()
            if select.select([descriptor], [], [], _SAMPLE_S)[0]:
                return True
    finally:
        os.close(descriptor)
    return False


def _end(child: subprocess.Popen[bytes], *, kindly: bool) -> None:
    """Make sure that nothing of a child's process group goes on."""
    for number in (signal.SIGTERM, signal.SIGKILL) if kindly else (signal.SIGKILL,):
        if not _signal(child.pid, number):
            break
        deadline = time.monotonic() + _DEATH_S
        # The group is there as long as the child was not waited for.
        while time.monotonic() < deadline and (child.poll(), _signal(child.pid, 0))[1]:
            time.sleep(0.05)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group; tell whether there is one."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _tail(file: IO[bytes]) -> str:
    return "\n".join(_text(file).splitlines()[-_LAST_LINES:])
