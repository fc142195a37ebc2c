"""The workshop: a forked child of the engine that is root over its own namespaces only.

Root of the workshop may mount, own files of any of 65,536 ids and bring up a network, all of it
without a right on the host; when the child ends, for whatever reason, the kernel ends every
process and mount in it. The steps of a build run here. It works for root of a machine, for root
of an unprivileged container and for an ordinary user with subordinate ids.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import fcntl
import logging
import multiprocessing
import os
import pathlib
import select
import shutil
import signal
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any, NoReturn, TypeVar

from .. import errors, interruption, model, progress
from . import identity, namespaces, network

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_Channel = connection.Connection

_PREFIX = "retrofit-work-"
_POLL_S = 0.5
_END_TIMEOUT_S = 30.0
# A script that writes without end must not take the host's last byte along.
_DISK_RESERVE = 256 * model.MIB


class _Kind(enum.Enum):
    """What a message between the workshop and its parent says."""

    UNSHARED = enum.auto()
    MAPPED = enum.auto()
    INSIDE = enum.auto()
    CONNECTED = enum.auto()
    LOG = enum.auto()
    STEP_STARTED = enum.auto()
    STEP_ENDED = enum.auto()
    ADVANCED = enum.auto()
    RESULT = enum.auto()
    ERROR = enum.auto()


class _Forwarder(logging.Handler):
    """Sends the workshop's log records to the parent, which alone writes to the terminal."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, its text made up here: not every argument can be pickled."""
        record.msg, record.args = record.getMessage(), None
        record.exc_info = None
        self._channel.send((_Kind.LOG, record))


@dataclasses.dataclass(frozen=True)
class _RemoteReporter:
    """The reporter that a function in the workshop sees."""

    channel: _Channel

    def step_started(self, name: str) -> None:
        self.channel.send((_Kind.STEP_STARTED, name))

    def step_ended(self, record: model.StepRecord) -> None:
        self.channel.send((_Kind.STEP_ENDED, record))

    def advanced(self, done: int, total: int) -> None:
        self.channel.send((_Kind.ADVANCED, (done, total)))


@contextlib.contextmanager
def work_directory(base: pathlib.Path | None) -> Iterator[pathlib.Path]:
    """Make a private directory that root of the workshop owns, and remove it afterwards.

    Args:
        base: Where to make it; see :func:`work_base`.

    Raises:
        errors.OutputError: It cannot be made there, or the workshop could not reach it.
    """
    parent = work_base(base)
    with contextlib.ExitStack() as held:
        with interruption.deferred():
            try:
                work = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            except OSError as error:
                raise errors.OutputError(
                    f"no work directory can be made in {parent}: {error.strerror}",
                    hint="name another with --work-dir",
                ) from error
            # It stays locked to its end: another build must not take it for one that was left.
            handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, handle)
            held.callback(_remove, work)
        fcntl.flock(handle, fcntl.LOCK_EX)
        _sweep(parent)
        adopt(work)
        if not reachable(work):
            raise errors.OutputError(
                f"the work directory {parent} is closed to other users, the build's sandbox too",
                hint="name another with --work-dir",
            )
        yield work


def _sweep(parent: pathlib.Path) -> None:
    """Remove what builds left that were killed: their directories are not locked any more."""
    owners = (os.geteuid(), identity.plan().owner[0])
    for left in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.lstat().st_uid not in owners:
                continue
            handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _LOG.info("removing %s, left by a build that was killed", left)
                _remove(left)
            finally:
                os.close(handle)


def work_base(given: pathlib.Path | None) -> pathlib.Path:
    """Return the directory of work directories: a ``/tmp`` in memory is too small for images."""
    return (given or pathlib.Path("/var/tmp")).absolute()


def adopt(path: pathlib.Path) -> None:
    """Give a file or directory of the caller to root of the workshop."""
    os.chown(path, *identity.plan().owner)


def reachable(path: pathlib.Path) -> bool:
    """Tell whether the workshop can read ``path``: for root's files it is another user."""
    owner, _ = identity.plan().owner
    if owner == os.geteuid():
        return os.access(path, os.R_OK)
    status = path.stat()
    open_above = all(above.stat().st_mode & stat.S_IXOTH for above in path.resolve().parents)
    return open_above and (status.st_uid == owner or bool(status.st_mode & stat.S_IROTH))


def run(
    work: pathlib.Path,
    function: Callable[[progress.Reporter], _T],
    reporter: progress.Reporter,
    *,
    connected: bool = True,
) -> _T:
    """Call ``function`` in a new workshop and return what it returns.

    Args:
        work: The work directory; free space on its disk is watched.
        function: Called in a forked child, so it sees all that the caller has in memory; what it
            returns is pickled.
        reporter: Told of the steps and bytes that ``function`` reports.
        connected: Whether the workshop gets a network.

    Raises:
        errors.RetrofitError: What ``function`` raised.
        errors.ToolMissing: The kernel refuses a namespace.
        errors.NoSpace: The disk of ``work`` ran full.
    """
    plan = identity.plan()
    ours, theirs = multiprocessing.Pipe()
    with ours, contextlib.ExitStack() as helpers:
        with interruption.deferred():
            child = os.fork()
            if child == 0:
                ours.close()
                _enter(theirs, function, connected=connected)
            helpers.callback(_end, child)
        theirs.close()
        _expect(ours, _Kind.UNSHARED)
        identity.write(plan, child)
        ours.send((_Kind.MAPPED, None))
        inside: int = _expect(ours, _Kind.INSIDE)
        helpers.callback(_empty, os.pidfd_open(inside))
        if connected:
            helpers.enter_context(network.user_mode(inside))
        ours.send((_Kind.CONNECTED, None))
        result: _T = _serve(ours, work, reporter)
        return result


def _serve(channel: _Channel, work: pathlib.Path, reporter: progress.Reporter) -> Any:
    """Pass on what the workshop reports until it gives its result."""
    free_before = lowest = shutil.disk_usage(work).free
    while True:
        while not channel.poll(_POLL_S):
            interruption.check()
            free = shutil.disk_usage(work).free
            lowest = min(lowest, free)
            if free < _DISK_RESERVE:
                raise errors.NoSpace(
                    f"the disk of the work directory {work.parent} is full",
                    hint="make room there, or name another with --work-dir",
                )
        kind, content = _receive(channel)
        match kind:
            case _Kind.LOG:
                logging.getLogger(content.name).handle(content)
            case _Kind.STEP_STARTED:
                reporter.step_started(content)
            case _Kind.STEP_ENDED:
                lowest = min(lowest, shutil.disk_usage(work).free)
                used = max(0, free_before - lowest)
                reporter.step_ended(dataclasses.replace(content, peak_disk=used))
            case _Kind.ADVANCED:
                reporter.advanced(*content)
            case _:
                return content


def _expect(channel: _Channel, wanted: _Kind) -> Any:
    """Receive the one message that is due."""
    kind, content = _receive(channel)
    if kind is not wanted:
        raise errors.RetrofitError(f"the workshop said {kind.name} in place of {wanted.name}")
    return content


def _receive(channel: _Channel) -> tuple[_Kind, Any]:
    """Receive a message; raise the error it carries, or that the workshop died."""
    try:
        kind, content = channel.recv()
    except EOFError as ended:
        raise errors.RetrofitError(
            "the build's process was killed", hint="see the kernel's log: memory may be short"
        ) from ended
    if kind is _Kind.ERROR:
        raise content
    return kind, content


def _enter(
    channel: _Channel, function: Callable[[progress.Reporter], Any], *, connected: bool
) -> NoReturn:
    """Become the workshop: what the forked child does from its first to its last instruction."""
    try:
        os.setsid()  # a Ctrl-C is the parent's to handle
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        namespaces.die_with_parent()
        namespaces.unshare(namespaces.NEW_USER)
        channel.send((_Kind.UNSHARED, None))
        _expect(channel, _Kind.MAPPED)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.chdir("/")
        namespaces.unshare(
            namespaces.NEW_MOUNT
            | namespaces.NEW_PID
            | namespaces.NEW_IPC
            | namespaces.NEW_UTS
            | (namespaces.NEW_NETWORK if connected else 0)
        )
        # Changing ids made the kernel forget the wish to die.
        namespaces.die_with_parent()
        first = os.fork()
        if first == 0:
            namespaces.die_with_parent()
            _expect(channel, _Kind.CONNECTED)
            _work(channel, function, connected=connected)
        channel.send((_Kind.INSIDE, first))
        channel.close()
        os.waitpid(first, 0)
    except BaseException as error:
        _report(channel, error)
    os._exit(0)


def _work(
    channel: _Channel, function: Callable[[progress.Reporter], Any], *, connected: bool
) -> NoReturn:
    """Call the function as first process of the new PID namespace."""
    try:
        namespaces.privatise_mounts()
        if connected:
            network.shut_out_metadata()
        logging.getLogger().handlers = [_Forwarder(channel)]
        channel.send((_Kind.RESULT, function(_RemoteReporter(channel))))
    except BaseException as error:
        _report(channel, error)
    os._exit(0)


def _report(channel: _Channel, error: BaseException) -> None:
    """Send an error to the parent; one that nobody raised on purpose goes with its traceback."""
    if isinstance(error, errors.RetrofitError):
        channel.send((_Kind.ERROR, error))
        return
    lines = tuple("".join(traceback.format_exception(error)).splitlines())
    wrapped = errors.RetrofitError(
        f"unexpected {type(error).__name__}: {error}",
        hint="please report it with the output of --debug",
        details=lines,
    )
    channel.send((_Kind.ERROR, wrapped))


def _end(child: int) -> None:
    """Kill the workshop if it still runs; its processes and mounts go with it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _empty(first: int) -> None:
    """Kill the first process of a workshop, and wait until all others have ended with it.

    Args:
        first: Its process file descriptor, which is closed.
    """
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(first, signal.SIGKILL)
        # The kernel says that it ended when the last process of its namespace has.
        select.select([first], [], [], _END_TIMEOUT_S)
    finally:
        os.close(first)


def _remove(work: pathlib.Path) -> None:
    """Remove a work directory, files of the workshop's other ids included."""
    if os.geteuid() == 0:
        shutil.rmtree(work)
        return

    def clear(_: progress.Reporter) -> None:
        for entry in work.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    run(work, clear, _Silent(), connected=False)
    work.rmdir()


class _Silent:
    """A reporter for what nobody watches."""

    def step_started(self, name: str) -> None:
        """Say nothing."""

    def step_ended(self, record: model.StepRecord) -> None:
        """Say nothing."""

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""
