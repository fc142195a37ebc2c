"""The workshop: a forked child of the engine that is root over its own namespaces only.

Root of the workshop may mount, own files of any of 65,536 ids and bring up a network, all of it
without a right on the host; when the child ends, for whatever reason, the kernel ends every
process and mount in it. The steps of a build run here. It works for root of a machine, for root
of an unprivileged container and for an ordinary user with subordinate ids.
"""

from __future__ import annotations

import contextlib
import dataclasses
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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ... import errors, model
from .. import progress, signals, trees
from . import doors, identity, inside, networks

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

_PREFIX = "retrofit-work-"
_KEPT_PREFIX = "retrofit-kept-"
_POLL_S = 0.5
_END_TIMEOUT_S = 30.0
# A script that writes without end must not take the host's last byte along.
_DISK_RESERVE = 256 * model.MIB


@contextlib.contextmanager
def work_directory(base: pathlib.Path | None) -> Iterator[pathlib.Path]:
    """Make a private directory that root of the workshop owns, and remove it afterwards.

    Args:
        base: Where to make it; see :func:`work_base`.

    Raises:
        errors.OutputError: It cannot be made there, or not be given to the workshop, or no program
            can be run from there.
        errors.NoSpace: Its disk is full, or became full and so broke off what was done in it.
    """
    parent = work_base(base)
    _check_programs(parent)
    with contextlib.ExitStack() as held:
        with signals.deferred():
            try:
                work, handle = _claim(parent)
            except OSError as error:
                raise errors.OutputError(
                    f"cannot create a work directory in {parent}: {error.strerror}",
                    hint="set another directory with --work-dir",
                ) from error
            held.callback(os.close, handle)
            held.callback(_remove, work)
        sweep(parent)
        try:
            adopt(work)
        except OSError as error:
            raise errors.OutputError(
                f"cannot give a work directory in {parent} to the build's sandbox, another user:"
                f" {error.strerror}",
                hint="set another directory with --work-dir",
            ) from error
        _check_space(work)
        try:
            yield work
        except (errors.RetrofitError, OSError):
            # Whatever a program made of it: this is what is to be mended first.
            _check_space(work)
            raise


def _check_programs(parent: pathlib.Path) -> None:
    """See that an image's programs can be run from there; hardened hosts may forbid it."""
    try:
        forbidden = os.statvfs(parent).f_flag & os.ST_NOEXEC
    except OSError:
        return  # Whoever makes the directory says why it cannot be made.
    if forbidden:
        raise errors.OutputError(
            f"the file system of {parent} is mounted noexec: no program of an image runs there",
            hint="set another directory with --work-dir, or mount it without noexec",
        )


def _check_space(work: pathlib.Path) -> int:
    """Return the free bytes of a work directory's disk, or say that it is full."""
    free = shutil.disk_usage(work).free
    if free < _DISK_RESERVE:
        raise errors.NoSpace(
            f"the disk of the work directory {work.parent} is full",
            hint="free space, or set another directory with --work-dir",
        )
    return free


def _claim(parent: pathlib.Path) -> tuple[pathlib.Path, int]:
    """Make a directory, and return it with the descriptor that keeps it locked.

    Before it is locked, another build that begins can take it for one that was left: then that
    build removes it, and another one is made.
    """
    while True:
        work = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if work.exists():
                return work, handle
            os.close(handle)


def keep(place: pathlib.Path) -> pathlib.Path:
    """Move what is in a work directory to a new directory beside it, which stays."""
    kept = pathlib.Path(tempfile.mkdtemp(prefix=_KEPT_PREFIX, dir=place.parent.parent))
    return place.rename(kept / place.name)


def sweep(parent: pathlib.Path) -> None:
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
                _remove_if_possible(left)
            finally:
                os.close(handle)


def _remove_if_possible(left: pathlib.Path) -> None:
    """Remove what another build left; this one goes on where that fails, and says so."""
    try:
        _remove(left)
    except (errors.RetrofitError, OSError) as error:
        _LOG.warning("cannot remove %s, left by a build that was killed: %s", left, error)


def work_base(given: pathlib.Path | None) -> pathlib.Path:
    """Return the directory of work directories: a ``/tmp`` in memory is too small for images."""
    return (given or pathlib.Path("/var/tmp")).resolve()


def adopt(path: pathlib.Path) -> None:
    """Give a file or directory of the caller to root of the workshop."""
    os.chown(path, *identity.plan().owner)


def reachable(path: pathlib.Path) -> bool:
    """Tell whether the workshop can read ``path``: for root's files it is another user."""
    owner, _ = identity.plan().owner
    if owner == os.geteuid():
        return os.access(path, os.R_OK)
    status = path.stat()
    if doors.closed_above(path.resolve(), owner) is not None:
        return False
    return status.st_uid == owner or bool(status.st_mode & stat.S_IROTH)


def run(
    work: pathlib.Path,
    function: Callable[[progress.Reporter], _T],
    reporter: progress.Reporter,
    *,
    further: Sequence[pathlib.Path] = (),
    network: networks.Network = networks.Network.CONNECTED,
) -> _T:
    """Call ``function`` in a new workshop and return what it returns.

    Args:
        work: The work directory; free space on its disk is watched.
        function: Called in a forked child, so it sees all that the caller has in memory; what it
            returns is pickled.
        reporter: Told of the steps and bytes that ``function`` reports.
        further: Other directories that root of the workshop owns and works in.
        network: What the workshop gets for a network.

    Raises:
        errors.RetrofitError: What ``function`` raised.
        errors.ToolMissing: The kernel refuses a namespace.
        errors.NoSpace: The disk of ``work`` ran full.
    """
    plan = identity.plan()
    # Everybody else goes on as who they were, and enters what they could enter.
    places = (work, *further) if plan.owner[0] != os.geteuid() else ()
    ours, theirs = multiprocessing.Pipe()
    with ours, contextlib.ExitStack() as helpers:
        with signals.deferred():
            child = os.fork()
            if child == 0:
                ours.close()
                inside.enter(
                    theirs,
                    function,
                    work=work,
                    places=places,
                    owner=plan.owner[0],
                    network=network,
                )
            helpers.callback(_end, child)
        theirs.close()
        inside.expect(ours, inside.Kind.UNSHARED)
        identity.write(plan, child)
        ours.send((inside.Kind.MAPPED, None))
        first: int = inside.expect(ours, inside.Kind.INSIDE)
        helpers.callback(_empty, os.pidfd_open(first))
        if network is networks.Network.CONNECTED:
            helpers.enter_context(networks.user_mode(first))
        ours.send((inside.Kind.CONNECTED, None))
        result: _T = _serve(ours, work, reporter)
        return result


def _serve(channel: inside.Channel, work: pathlib.Path, reporter: progress.Reporter) -> Any:
    """Pass on what the workshop reports until it gives its result."""
    free_before = lowest = shutil.disk_usage(work).free
    while True:
        while not channel.poll(_POLL_S):
            signals.check()
            lowest = min(lowest, _check_space(work))
        kind, content = inside.receive(channel)
        match kind:
            case inside.Kind.LOG:
                logging.getLogger(content.name).handle(content)
            case inside.Kind.STEP_STARTED:
                reporter.step_started(content)
            case inside.Kind.STEP_ENDED:
                lowest = min(lowest, shutil.disk_usage(work).free)
                used = max(0, free_before - lowest)
                reporter.step_ended(dataclasses.replace(content, peak_disk=used))
            case inside.Kind.ADVANCED:
                reporter.advanced(*content)
            case inside.Kind.DOING:
                reporter.doing(content)
            case _:
                return content


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
    with signals.deferred():
        if os.geteuid() == 0:
            trees.remove(work)
            return
        run(work, lambda _: trees.clear(work), Silent(), network=networks.Network.HOST)
        work.rmdir()


class Silent:
    """A reporter for what nobody watches."""

    def step_started(self, name: str) -> None:
        """Say nothing."""

    def step_ended(self, record: model.StepRecord) -> None:
        """Say nothing."""

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""

    def doing(self, text: str) -> None:
        """Say nothing."""
