"""Runs the real command line from outside, and tells what it left on the machine."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import io
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from unittest import mock

from retrofit.cli import execution, main

from .. import paths

PROGRAM = (sys.executable, "-m", "retrofit")

_PYTHON = (sys.executable, "-m", "tests.support.host.closed_workshops")
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TIMEOUT_S = 1200.0
_END_TIMEOUT_S = 60.0
_DEATH_S = 2.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: Its exit code.
        stdout: What it printed as its result.
        stderr: What it printed beside.
        left: What is on the machine that was not there before: files, mounts, processes.
    """

    code: int
    stdout: str
    stderr: str
    left: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line about the error, which is the last."""
        return self.stderr.splitlines()[-1]


class Command:
    """A command that runs; see :func:`started`.

    Attributes:
        pid: Its process.
    """

    def __init__(
        self, child: subprocess.Popen[str], before: _Traces, stderr: pathlib.Path
    ) -> None:
        self._child = child
        self._before = before
        self._stderr = stderr
        self.pid = child.pid

    def wait_for(self, happened: Callable[[str], bool], *, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait until what the command printed on standard error satisfies ``happened``."""
        deadline = time.monotonic() + timeout_s
        while not happened(self._stderr.read_text()):
            assert self._child.poll() is None, self._stderr.read_text()
            assert time.monotonic() < deadline, self._stderr.read_text()
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def end(self, *, timeout_s: float = _TIMEOUT_S) -> Outcome:
        """Wait for its end."""
        stdout, _ = self._child.communicate(timeout=timeout_s)
        return Outcome(
            self._child.returncode, stdout, self._stderr.read_text(), self._before.new()
        )

    def kill(self) -> None:
        """End it whatever it does, if it still runs."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.communicate(timeout=_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.communicate()


@contextlib.contextmanager
def started(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    cwd: pathlib.Path,
    work: pathlib.Path,
    module: str = "retrofit",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Command]:
    """Start a command in a directory that is watched for what it leaves.

    Args:
        arguments: Words of its command line.
        cwd: Where it runs.
        work: Where it is told, or left, to put temporary files.
        module: Python module that is run.
        environment: Variables added to this process's.
    """
    changes = dict(environment or {})
    stderr = pathlib.Path(f"{work}.stderr")
    with _inheriting():
        before = _Traces([cwd, work])
        with stderr.open("w") as log:
            child = subprocess.Popen(
                [*_PYTHON, module, *arguments],
                cwd=cwd,
                env=os.environ
                | {"TMPDIR": str(work), "PYTHONPATH": str(paths.REPOSITORY)}
                | changes,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        command = Command(child, before, stderr)
        try:
            yield command
        finally:
            command.kill()


def called(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    cwd: pathlib.Path,
    work: pathlib.Path,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run a command that ends soon in this process, which saves its start; see :func:`started`."""
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        _inheriting(),
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, environment or {}),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        before = _Traces([cwd, work])
        try:
            execution.execute(
                main.retrofit, name="retrofit", arguments=[os.fspath(word) for word in arguments]
            )
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return Outcome(code, stdout.getvalue(), stderr.getvalue(), before.new())


@contextlib.contextmanager
def _inheriting() -> Iterator[None]:
    """Have whatever process a command forgets become a child of this one, and so be found.

    Not for longer: nobody here waits for what other tests leave to process 1.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    former = ctypes.c_int()
    libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(former), 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, former.value, 0, 0, 0)


class _Traces:
    """Files, mounts and processes at a moment."""

    def __init__(self, directories: Sequence[pathlib.Path]) -> None:
        self._directories = directories
        self._known = self._now()

    def new(self) -> tuple[str, ...]:
        """Return what there is now and was not then.

        What the kernel is just ending, as a dead parent's last wish, gets a moment for it.
        """
        deadline = time.monotonic() + _DEATH_S
        while left := self._now() - self._known:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return tuple(sorted(left))

    def _now(self) -> set[str]:
        return {*self._files(), *self._mounts(), *_processes()}

    def _files(self) -> Iterator[str]:
        for directory in self._directories:
            yield from (f"file {path}" for path in directory.rglob("*"))

    def _mounts(self) -> Iterator[str]:
        for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
            place = pathlib.Path(line.split()[4])
            if any(place.is_relative_to(directory) for directory in self._directories):
                yield f"mount {place}"


def _processes() -> Iterator[str]:
    for task in pathlib.Path("/proc/self/task").iterdir():
        children = ""
        # A thread may end meanwhile: its children become those of another one.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children = (task / "children").read_text()
        for pid in children.split():
            with contextlib.suppress(FileNotFoundError):
                stat = pathlib.Path("/proc", pid, "stat").read_text()
                name, _, rest = stat.partition("(")[2].rpartition(") ")
                state = rest[0]
                # One that ended only waits for this process, which inherited it, to notice.
                if state not in "ZX":
                    yield f"process {pid} {name}"
