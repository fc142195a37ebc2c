"""Signals that end a run: they become an error, but never between a thing and its tidying up.

A signal's error is raised wherever the program happens to be. Where something begins that has to
be ended, such as a process, :func:`deferred` holds it back until that is provided for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import types
from collections.abc import Iterator

from .. import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds after which whoever waits has to look up: a signal that arrives just before the wait
# begins does not end it.
LONGEST_WAIT_S = 1.0


class _State:
    """What arrived, and whether now is a time to say so; there is one, as signals are a process's.

    Attributes:
        arrived: The first signal that arrived.
        depth: How many :func:`deferred` are entered.
        told: Whether the error was raised.
    """

    arrived: int | None = None
    depth = 0
    told = False


_state = _State()


def watch() -> None:
    """Turn the first signal into an error; later ones do not disturb the tidying up.

    A process that was forked has to call it, too: what its parent got is not its own. What was
    sent to itself since :func:`fork` arrives here.

    Raises:
        errors.Interrupted: A signal was sent to a process that was just forked.
    """
    _state.arrived, _state.depth, _state.told = None, 0, False
    for number in _SIGNALS:
        signal.signal(number, _arrive)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def fork() -> int:
    """Fork a child to which no signal gets lost.

    Until it says what a signal means to it, its parent's handler would take what is sent to it,
    and forget it. So the child has the signals blocked, until it calls :func:`watch` or unblocks
    them itself.

    Returns:
        The child's process in the parent, 0 in the child.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold an interruption back until the context ends.

    Raises:
        errors.Interrupted: A signal arrived meanwhile.
    """
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
    if not _state.told:
        check()


def check() -> None:
    """Raise the error of a signal that arrived, even if it got lost.

    An error that is raised while the interpreter collects garbage goes no further, for instance.

    Raises:
        errors.Interrupted: A signal arrived.
    """
    if _state.arrived is not None and _state.depth == 0:
        _state.told = True
        raise errors.Interrupted(_state.arrived)


def _arrive(number: int, _: types.FrameType | None) -> None:
    """Note the first signal, and raise its error unless that has to wait."""
    if _state.arrived is None:
        _state.arrived = number
        check()
