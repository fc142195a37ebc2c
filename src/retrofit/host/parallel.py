"""Functions in processes of their own, so many at a time: none of them can disturb another."""

from __future__ import annotations

import collections
import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from .. import errors
from . import signals
from .sandbox import namespaces

# A build that is told to end removes its work directory and its image in Glance; systemd gives
# the service a little longer than this.
_END_TIMEOUT_S = 150.0
_FIRST_PAUSE_S = 1.0
# Of os.EX_SOFTWARE: what ended so was nobody's purpose.
_UNFORESEEN = 70


def run(
    functions: Mapping[str, Callable[[], int]], *, at_once: Callable[[], int]
) -> Iterator[tuple[str, int]]:
    """Call functions in forked children.

    A child is told to end by SIGTERM, as :func:`retrofit.host.signals.watch` takes it, when this
    is interrupted or not asked for more, and none outlives this.

    Args:
        functions: By name, in the order in which they are begun; each returns an exit code.
        at_once: Returns how many run at a time at most; asked before each is begun.

    Yields:
        Name and exit code of each when it has ended; the code is negative for a signal.

    Raises:
        errors.Interrupted: A signal arrived; all children have ended.
    """
    waiting = collections.deque(functions.items())
    running: dict[int, tuple[str, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once():
                name, function = waiting.popleft()
                with signals.deferred():
                    child = _fork(function)
                    running[os.pidfd_open(child)] = name, child
            ended, _, _ = select.select(list(running), [], [], signals.LONGEST_WAIT_S)
            for handle in ended:
                with signals.deferred():
                    name, child = running.pop(handle)
                    code = _reap(handle, child)
                yield name, code
    finally:
        with signals.deferred():
            _end(running)


def _fork(function: Callable[[], int]) -> int:
    """Call a function in a child; return its process."""
    # What is not written yet would be written by both.
    sys.stdout.flush()
    sys.stderr.flush()
    child = signals.fork()
    if child == 0:
        _be_child(function)
    return child


def _be_child(function: Callable[[], int]) -> NoReturn:
    """Do all that a child does."""
    code = _UNFORESEEN
    try:
        os.setsid()  # a Ctrl-C is the parent's to handle
        signals.watch()
        namespaces.die_with_parent()
        code = function()
    except errors.Interrupted as error:
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Whatever happens, the parent's own code must not go on here.
        os._exit(code)


def _end(running: Mapping[int, tuple[str, int]]) -> None:
    """Tell children to end, and wait until they have; kill those that do not.

    They are told again and again: a signal that arrives just before a child begins to wait for
    something is noted, but interrupts nothing (one in some 600). It is the next one that wakes
    the child up.
    """
    left = dict(running)
    deadline = time.monotonic() + _END_TIMEOUT_S
    pause_s = _FIRST_PAUSE_S
    while left:
        late = time.monotonic() >= deadline
        for _, child in left.values():
            os.kill(child, signal.SIGKILL if late else signal.SIGTERM)
        ended = _ended(left, None if late else min(time.monotonic() + pause_s, deadline))
        for handle in ended:
            _reap(handle, left.pop(handle)[1])
        pause_s *= 2


def _ended(running: Mapping[int, tuple[str, int]], until: float | None) -> list[int]:
    """Wait for children's ends; return the handles of those that ended by a time, or of all."""
    waited_for, ended = list(running), []
    while waited_for:
        wait_s = None if until is None else max(0.0, until - time.monotonic())
        ready, _, _ = select.select(waited_for, [], [], wait_s)
        if not ready:
            break
        ended += ready
        waited_for = [handle for handle in waited_for if handle not in ready]
    return ended


def _reap(handle: int, child: int) -> int:
    """Wait for a child's end; return its exit code."""
    _, status = os.waitpid(child, 0)
    os.close(handle)
    return os.waitstatus_to_exitcode(status)
