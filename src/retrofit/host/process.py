"""Runs programs: the only module that starts one, but for those that a person uses."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import os
import pathlib
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from .. import errors
from . import signals, urls

_LOG = logging.getLogger(__name__)

# A program that :func:`start` started.
Child = subprocess.Popen[bytes]

# An allow-list: a packed charm's dispatch exports PYTHONPATH and LD_LIBRARY_PATH, and neither
# may reach a system program; what else a hook or a login shell exports is nobody's business.
_INHERITED = (
    "HOME",
    "LIBGUESTFS_BACKEND",
    "LIBGUESTFS_BACKEND_SETTINGS",
    "SOURCE_DATE_EPOCH",
    "SUPERMIN_KERNEL",
    "SUPERMIN_MODULES",
    "TMPDIR",
    "TZ",
    "USER",
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL_LINES = 20
# Bytes of standard output that are kept, and of a line: scripts of elements print what they like.
_KEPT = 128 * 1024 * 1024
_LINE = 64 * 1024
_END_GRACE_S = 5.0


@dataclasses.dataclass(frozen=True)
class Completed:
    """A program that ended.

    Attributes:
        argv: What was run.
        returncode: Its exit status.
        kept: Its standard output, decoded, as far as it is kept.
        tail: The last lines of standard output and error together, without credentials in URLs.
        whole: Whether all of its standard output is kept.
    """

    argv: tuple[str, ...]
    returncode: int
    kept: str
    tail: tuple[str, ...]
    whole: bool = True

    @property
    def stdout(self) -> str:
        """Its standard output.

        Raises:
            errors.ImageError: There was too much of it.
        """
        if not self.whole:
            name = pathlib.PurePath(self.argv[0]).name
            raise errors.ImageError(
                f"{name} printed more than {_KEPT // 1024**2} MiB about what it was given",
                hint="use an image or a source with fewer files",
            )
        return self.kept


def find(program: str) -> str:
    """Return the absolute path of a system program.

    Raises:
        errors.ToolMissing: It is not installed.
    """
    path = shutil.which(program, path=_PATH)
    if path is None:
        raise errors.ToolMissing(
            f"the program {program} is not installed",
            hint="install the packages listed in docs/reference/requirements.md",
        )
    return path


def plain(path: pathlib.Path) -> str:
    """Return a path for a program in whose options some characters mean something.

    It leads there from the current directory, which in a workshop is its work directory, and so
    has nothing in it of the name that somebody gave the directory above: commas and colons part
    options of mounts, a question mark those of e2fsprogs, and quotes the words of debugfs.
    """
    return os.path.relpath(path)


def environment(**extra: str) -> dict[str, str]:
    """Return the allow-listed environment for a child process, with further variables."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {"PATH": _PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | extra


def start(
    argv: Sequence[str | os.PathLike[str]],
    *,
    extra_environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a helper that runs beside the build, such as a network stack; see :func:`stop`."""
    command = [find(os.fspath(argv[0])), *(os.fspath(word) for word in argv[1:])]
    _LOG.debug("start: %s", " ".join(command))
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(**(extra_environment or {})),
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )


def stop(child: Child) -> str:
    """End a helper that :func:`start` started; return the last line it wrote as an error."""
    assert child.stderr is not None
    if child.stderr.closed:
        return ""
    _end_group(child)
    with child.stderr:
        lines = child.stderr.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    timeout_s: float,
    extra_environment: Mapping[str, str] | None = None,
    only_environment: Mapping[str, str] | None = None,
    text_input: str | None = None,
    cwd: pathlib.Path | None = None,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
    confidential: bool = False,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a program to its end, logging what it prints; a line that is too long is cut in pieces.

    Args:
        argv: Program (looked up on the system's path, or absolute) and arguments.
        timeout_s: Seconds after which the program and its process group are killed.
        extra_environment: Variables added to the allow-listed environment.
        only_environment: The whole environment, in place of the allow-listed one.
        text_input: What the program reads; without it standard input is empty.
        cwd: Directory to run in.
        on_line: Called with each line of output as it arrives.
        check: Whether an exit status other than 0 is an error.
        confidential: Whether standard output is kept from the log, ``on_line`` and ``tail``.
        pass_fds: File descriptors the program inherits.

    Raises:
        errors.CommandError: It failed or took too long; its last lines are in ``details``.
        errors.ToolMissing: There is no such program.
    """
    command = [find(os.fspath(argv[0])), *(os.fspath(word) for word in argv[1:])]
    name = pathlib.PurePath(command[0]).name
    _LOG.debug("run: %s", " ".join(command))
    env = dict(only_environment) if only_environment is not None else environment()
    env |= extra_environment or {}
    with contextlib.ExitStack() as held:
        with signals.deferred():
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if text_input is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
            held.callback(_end_group, child)
        try:
            deadline = time.monotonic() + timeout_s
            output = _collect(child, text_input, deadline, on_line, confidential)
        except TimeoutError as timeout:
            raise errors.CommandError(
                f"{name} did not end within {timeout_s:.0f} s", details=timeout.args[0]
            ) from timeout
    stdout, tail, whole = output
    completed = Completed(tuple(command), child.returncode, stdout, tail, whole)
    if check and completed.returncode != 0:
        raise errors.CommandError(
            f"{name} failed with status {completed.returncode}"
            + (f": {tail[-1]}" if tail else ""),
            returncode=completed.returncode,
            details=tail,
        )
    return completed


def _collect(
    child: Child,
    text_input: str | None,
    deadline: float,
    on_line: Callable[[str], None] | None,
    confidential: bool,
) -> tuple[str, tuple[str, ...], bool]:
    """Read both streams of a child until they close and it ended.

    Returns:
        Its standard output as far as it is kept, the last lines, and whether that is all of it.
    """
    assert child.stdout is not None and child.stderr is not None
    stdout = bytearray()
    whole = True
    tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
    partial = {stream.fileno(): bytearray() for stream in (child.stdout, child.stderr)}
    pending = memoryview((text_input or "").encode())

    def line(raw: bytes) -> None:
        # apt and pip name URLs as they were given, with user and password.
        text = urls.without_user(raw.decode(errors="replace")).rstrip()
        if not text:
            return
        tail.append(text)
        _LOG.debug("| %s", text)
        if on_line is not None:
            on_line(text)

    with selectors.DefaultSelector() as selector, child.stdout, child.stderr:
        for stream in (child.stdout, child.stderr):
            selector.register(stream, selectors.EVENT_READ)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError(tuple(tail))
            for key, _ in selector.select(min(remaining, signals.LONGEST_WAIT_S)):
                if key.fileobj is child.stdin:
                    pending = _feed(child, pending)
                    if not pending:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                chunk = os.read(key.fd, 65536)
                if key.fileobj is child.stdout:
                    whole = whole and len(stdout) + len(chunk) <= _KEPT
                    stdout += chunk if whole else b""
                buffer = partial[key.fd]
                if not confidential or key.fileobj is child.stderr:
                    buffer += chunk
                *lines, rest = bytes(buffer).split(b"\n")
                buffer[:] = rest
                for raw in lines:
                    line(raw)
                if len(buffer) > _LINE:
                    # At a blank, so that no URL is cut, in which a password would not be seen.
                    end = buffer.rfind(b" ") + 1 or len(buffer)
                    line(bytes(buffer[:end]))
                    del buffer[:end]
                if not chunk:
                    line(bytes(buffer))
                    selector.unregister(key.fileobj)
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as expired:
        raise TimeoutError(tuple(tail)) from expired
    return stdout.decode(errors="replace"), tuple(tail), whole


def _feed(child: Child, pending: memoryview) -> memoryview:
    """Write what the child takes of its input now; a child that stopped reading is no error."""
    assert child.stdin is not None
    try:
        written = os.write(child.stdin.fileno(), pending[:65536]) if pending else 0
    except BrokenPipeError:
        return memoryview(b"")
    return pending[written:]


def _end_group(child: Child) -> None:
    """Make sure that neither the child nor anything in its process group goes on."""
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        try:
            child.wait(_END_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may be gone already."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass
