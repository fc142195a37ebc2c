"""Starts a virtual machine from an image, as a cloud's hypervisor would; never writes to it."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from qemu import qmp
from qemu.qmp import legacy

from .. import errors, model
from ..host import memory, process, progress
from . import bench, console, hardware, qemu_words

_T = TypeVar("_T")

# Address of every machine's first network card, in the range that QEMU uses for guests; each
# stands in a network of its own.
MAC = "52:54:00:0a:4d:01"

# Translated code, caches of disks, and QEMU itself.
_OVERHEAD = 384 * model.MIB
_COMMAND_TIMEOUT_S = 60.0
_POLL_S = 1.0
_TAIL_LINES = 60


class MachineFailed(errors.RetrofitError):
    """The machine did not do what was waited for; the details are its console's last lines."""


class Machine:
    """A running machine.

    Attributes:
        name: Its name.
        console: File that the first serial port, the kernel's console, is written to.
        report: File that the second serial port is written to.
    """

    def __init__(
        self,
        name: str,
        *,
        files: qemu_words.Files,
        made: hardware.Hardware,
        emulator: process.Child,
        monitor: legacy.QEMUMonitorProtocol,
        reporter: progress.Reporter,
    ) -> None:
        self.name = name
        self._reporter = reporter
        self.console, self.report = files.console, files.report
        self._made = made
        self._emulator = emulator
        self._monitor = monitor
        self._cards = 0

    def wait_for(self, what: str, attempt: Callable[[], _T | None], timeout_s: float) -> _T:
        """Call ``attempt`` until it returns something else than ``None``, and return that.

        Meanwhile the reporter is told what the console said last.

        Args:
            what: What is waited for: words that go after "no".
            attempt: Called about once a second.
            timeout_s: Seconds after which to give up.

        Raises:
            MachineFailed: It did not in time, the machine ended, or its console tells that it
                will get no further.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            result = attempt()
            if result is not None:
                return result
            said = self._check()
            self._reporter.doing(f"no {what} yet: {console.last(said)}")
            if time.monotonic() > deadline:
                raise self.failure(f"no {what} within {timeout_s:.0f} s")
            time.sleep(_POLL_S)

    def failure(self, fault: str) -> MachineFailed:
        """Return an error with a fault that was seen and what the console says to that."""
        said = console.lines(self.console)
        if cause := console.cause(said):
            text = f"the console shows: {cause}"
        elif said:
            text = f"the console's last line: {said[-1]}"
        else:
            text = "the console is empty"
        return MachineFailed(f"{fault}; {text}", details=tuple(said[-_TAIL_LINES:]))

    def plug(self, tap: str, mac: str) -> None:
        """Plug in a network card while the machine runs.

        Args:
            tap: Name of the tap device, in this network namespace, that is its other end.
            mac: Its address.

        Raises:
            MachineFailed: QEMU refuses.
        """
        card = f"card{self._cards}"
        try:
            self._monitor.cmd(
                "netdev_add", type="tap", id=card, ifname=tap, script="no", downscript="no"
            )
            self._monitor.cmd(
                "device_add",
                driver=qemu_words.card(self._made),
                id=f"{card}-device",
                netdev=card,
                mac=mac,
                bus=qemu_words.slot(self._made, self._cards),
            )
        except qmp.QMPError as error:
            raise self.failure(f"the network card {mac} cannot be plugged in: {error}") from error
        self._cards += 1

    def cut_power(self) -> None:
        """End the machine at once, as when its host fails."""
        self._emulator.kill()
        self._emulator.wait()

    def _check(self) -> list[str]:
        """Return what the console says; raise what keeps the machine from going on, if any."""
        said = console.lines(self.console)
        if fault := console.fault(said):
            raise MachineFailed(fault, details=tuple(said[-_TAIL_LINES:]))
        if self._emulator.poll() is not None:
            words = process.stop(self._emulator)
            raise self.failure("the machine ended" + (f": {words}" if words else ""))
        return said


@contextlib.contextmanager
def start(
    place: bench.Bench,
    name: str,
    *,
    drive: pathlib.Path,
    forward: tuple[str, int] | None = None,
) -> Iterator[Machine]:
    """Start a machine and end it with the context.

    Args:
        place: Where, and from which image.
        name: Its name, for files.
        drive: ISO image of its config drive.
        forward: Loopback address at which a TCP port of the machine is reached, and the port, the
            same outside and inside; ``None`` for none. The machine reaches this network
            namespace's loopback as 10.0.2.2.

    Raises:
        MachineFailed: It does not start.
        errors.ImageError: There is no machine for the image's architecture.
        errors.ToolMissing: QEMU or the machine's firmware is not installed.
        errors.RetrofitError: There is too little memory.
    """
    made = place.hardware
    files = qemu_words.Files(
        disk=place.work / f"{name}.qcow2",
        config_drive=drive,
        console=place.evidence / f"{name}-console.log",
        report=place.evidence / f"{name}-report.log",
        variables=place.work / f"{name}-variables.fd",
    )
    words = qemu_words.words(place.architecture, made, files, accelerated=place.accelerated)
    if machines_that_fit() < 1:
        raise errors.RetrofitError(
            f"a machine needs {_mebibytes(hardware.MEMORY + _OVERHEAD)} of memory,"
            f" but only {_mebibytes(memory.available())} are available",
            hint="free memory, or prove the image with --depth rest",
        )
    process.run(
        [
            *("qemu-img", "create", "-q", "-f", "qcow2"),
            *("-F", "raw", "-b", place.image, files.disk, str(place.flavor_disk)),
        ],
        timeout_s=_COMMAND_TIMEOUT_S,
    )
    card = qemu_words.card(made)
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as held:
        held.enter_context(ours)
        with theirs:
            emulator = process.start(
                [
                    *words,
                    *("-netdev", _management(forward)),
                    *("-device", f"{card},netdev=management,mac={MAC},romfile="),
                    *("-chardev", f"socket,id=monitor,fd={theirs.fileno()}"),
                    *("-mon", "chardev=monitor,mode=control"),
                ],
                pass_fds=(theirs.fileno(),),
            )
        held.callback(process.stop, emulator)
        monitor = legacy.QEMUMonitorProtocol(ours)
        held.callback(_leave, monitor)
        try:
            monitor.connect()
        except (qmp.QMPError, OSError) as error:
            raise MachineFailed(f"QEMU does not start: {process.stop(emulator)}") from error
        monitor.settimeout(_COMMAND_TIMEOUT_S)
        yield Machine(
            name,
            files=files,
            made=made,
            emulator=emulator,
            monitor=monitor,
            reporter=place.reporter,
        )


def _management(forward: tuple[str, int] | None) -> str:
    """Return what a machine's first network card is connected to."""
    network = "user,id=management"
    if forward is None:
        return network
    address, port = forward
    return f"{network},hostfwd=tcp:{address}:{port}-:{port}"


def _leave(monitor: legacy.QEMUMonitorProtocol) -> None:
    """Close the connection to a monitor; that of a machine that ended is broken already."""
    with contextlib.suppress(EOFError, OSError, qmp.QMPError):
        monitor.close()


def machines_that_fit() -> int:
    """Return how many machines there is memory for."""
    return memory.available() // (hardware.MEMORY + _OVERHEAD)


def _mebibytes(size: int) -> str:
    return f"{size // model.MIB} MiB"
