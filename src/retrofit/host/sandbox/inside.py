"""What happens in a workshop's own process, and how it talks with its parent."""

from __future__ import annotations

import dataclasses

# Python itself imports it with the first connection to a host, which may be in a workshop.
import encodings.idna  # noqa: F401
import enum
import logging
import os
import pathlib
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterable
from multiprocessing import connection
from typing import Any, NoReturn

from ... import errors, model
from .. import progress
from . import doors, emulation, namespaces, networks

Channel = connection.Connection

_UMASK = 0o022


class Kind(enum.Enum):
    """What a message between the workshop and its parent says."""

    UNSHARED = enum.auto()
    MAPPED = enum.auto()
    INSIDE = enum.auto()
    CONNECTED = enum.auto()
    LOG = enum.auto()
    STEP_STARTED = enum.auto()
    STEP_ENDED = enum.auto()
    ADVANCED = enum.auto()
    DOING = enum.auto()
    RESULT = enum.auto()
    ERROR = enum.auto()


class _Forwarder(logging.Handler):
    """Sends the workshop's log records to the parent, which alone writes to the terminal."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, its text made up here: not every argument can be pickled."""
        record.msg, record.args = record.getMessage(), None
        record.exc_info = None
        self._channel.send((Kind.LOG, record))


@dataclasses.dataclass(frozen=True)
class _RemoteReporter:
    """The reporter that a function in the workshop sees."""

    channel: Channel

    def step_started(self, name: str) -> None:
        self.channel.send((Kind.STEP_STARTED, name))

    def step_ended(self, record: model.StepRecord) -> None:
        self.channel.send((Kind.STEP_ENDED, record))

    def advanced(self, done: int, total: int) -> None:
        self.channel.send((Kind.ADVANCED, (done, total)))

    def doing(self, text: str) -> None:
        self.channel.send((Kind.DOING, text))


def enter(
    channel: Channel,
    function: Callable[[progress.Reporter], Any],
    *,
    work: pathlib.Path,
    places: Iterable[pathlib.Path],
    owner: int,
    network: networks.Network,
) -> NoReturn:
    """Become the workshop: what the forked child does from its first to its last instruction."""
    try:
        os.setsid()  # a Ctrl-C is the parent's to handle
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        namespaces.die_with_parent()
        # What is made in an image or for another user there is not to depend on the caller's.
        os.umask(_UMASK)
        os.environ["TMPDIR"] = tempfile.tempdir = os.fspath(work)
        doors.lead_to(places, owner)
        namespaces.unshare(namespaces.NEW_USER)
        channel.send((Kind.UNSHARED, None))
        expect(channel, Kind.MAPPED)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.chdir(work)
        namespaces.unshare(
            namespaces.NEW_MOUNT
            | namespaces.NEW_PID
            | namespaces.NEW_IPC
            | namespaces.NEW_UTS
            | (0 if network is networks.Network.HOST else namespaces.NEW_NETWORK)
        )
        # Changing ids made the kernel forget the wish to die.
        namespaces.die_with_parent()
        first = os.fork()
        if first == 0:
            namespaces.die_with_parent()
            expect(channel, Kind.CONNECTED)
            _work(channel, function, network=network)
        channel.send((Kind.INSIDE, first))
        channel.close()
        os.waitpid(first, 0)
    except BaseException as error:
        _report(channel, error)
    finally:
        # Whatever happens, the parent's own code above this must not go on here.
        os._exit(0)


def _work(
    channel: Channel, function: Callable[[progress.Reporter], Any], *, network: networks.Network
) -> NoReturn:
    """Call the function as first process of the new PID namespace."""
    try:
        emulation.of_the_host()
        namespaces.privatise_mounts()
        match network:
            case networks.Network.CONNECTED:
                networks.shut_out_metadata()
                networks.ask_own_server()
            case networks.Network.ALONE:
                networks.bring_up_loopback()
        logging.getLogger().handlers = [_Forwarder(channel)]
        channel.send((Kind.RESULT, function(_RemoteReporter(channel))))
    except BaseException as error:
        _report(channel, error)
    finally:
        os._exit(0)


def _report(channel: Channel, error: BaseException) -> None:
    """Send an error to the parent; one that nobody raised on purpose goes with its traceback."""
    if isinstance(error, errors.RetrofitError | errors.Interrupted):
        channel.send((Kind.ERROR, error))
        return
    lines = tuple("".join(traceback.format_exception(error)).splitlines())
    wrapped = errors.RetrofitError(
        f"unexpected {type(error).__name__}: {error}",
        hint="please report it with the output of --debug",
        details=lines,
    )
    channel.send((Kind.ERROR, wrapped))


def expect(channel: Channel, wanted: Kind) -> Any:
    """Receive the one message that is due."""
    kind, content = receive(channel)
    if kind is not wanted:
        raise errors.RetrofitError(f"the workshop sent {kind.name} instead of {wanted.name}")
    return content


def receive(channel: Channel) -> tuple[Kind, Any]:
    """Receive a message; raise the error it carries, or that the workshop died."""
    try:
        kind, content = channel.recv()
    except EOFError as ended:
        raise errors.RetrofitError(
            "the build's process was killed",
            hint="see the kernel's log: the machine may be out of memory",
        ) from ended
    if kind is Kind.ERROR:
        raise content
    return kind, content
