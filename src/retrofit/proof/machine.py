"""Starts a virtual machine from an image, as a cloud's hypervisor would; never writes to it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from qemu import qmp
from qemu.qmp import legacy

from .. import errors, model
from ..host import accelerator, process
from . import bench, console

_T = TypeVar("_T")

# Address of every machine's first network card, in the range that QEMU uses for guests; each
# stands in a network of its own.
MAC = "52:54:00:0a:4d:01"
# What charm-octavia's flavor gives; more than two processors do not shorten a boot.
MEMORY = 1024 * model.MIB
PROCESSORS = min(2, os.cpu_count() or 1)

# Translated code, caches of disks, and QEMU itself.
_OVERHEAD = 384 * model.MIB
_TRANSLATED_MIB = 256
# Slots into which network cards are plugged while the machine runs: VIP, members, and one more.
_SLOTS = 3
_MEMINFO = pathlib.Path("/proc/meminfo")
_COMMAND_TIMEOUT_S = 60.0
_POLL_S = 1.0
_TAIL_LINES = 60


@dataclasses.dataclass(frozen=True)
class _Platform:
    """What differs between architectures.

    Attributes:
        words: Board, firmware, graphics card and second serial port.
        report: The second serial port as the machine sees it.
    """

    words: tuple[str, ...]
    report: str


# Nova gives every machine a graphics card, by default this one, and boot loaders count on it: one
# that was told to draw on it hangs without. ``graphics=off`` has SeaBIOS, and so GRUB, speak on
# the serial port as well. The board for arm64 has one such port and no firmware; those on the PCI
# bus are of another kind, and counted anew. The first of them is the console, too, for Ubuntu's
# images speak on ttyS0 and have a login there, whatever the board.
_PLATFORMS = {
    "amd64": _Platform(
        ("-machine", "q35,graphics=off", "-device", "virtio-vga")
        + ("-device", "isa-serial,chardev=report,index=1"),
        "/dev/ttyS1",
    ),
    "arm64": _Platform(
        ("-machine", "virt", "-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
        + ("-device", "pci-serial,chardev=console", "-device", "pci-serial,chardev=report"),
        "/dev/ttyS1",
    ),
}


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
        output: tuple[pathlib.Path, pathlib.Path],
        emulator: process.Child,
        monitor: legacy.QEMUMonitorProtocol,
    ) -> None:
        self.name = name
        self.console, self.report = output
        self._emulator = emulator
        self._monitor = monitor
        self._cards = 0

    def wait_for(self, what: str, attempt: Callable[[], _T | None], timeout_s: float) -> _T:
        """Call ``attempt`` until it returns something else than ``None``, and return that.

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
            self._check()
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
                driver="virtio-net-pci",
                id=f"{card}-device",
                netdev=card,
                mac=mac,
                bus=f"slot{self._cards}",
            )
        except qmp.QMPError as error:
            raise self.failure(f"the network card {mac} cannot be plugged in: {error}") from error
        self._cards += 1

    def cut_power(self) -> None:
        """End the machine at once, as when its host fails."""
        self._emulator.kill()
        self._emulator.wait()

    def _check(self) -> None:
        """Raise what keeps the machine from going on, if anything does."""
        said = console.lines(self.console)
        if fault := console.fault(said):
            raise MachineFailed(fault, details=tuple(said[-_TAIL_LINES:]))
        if self._emulator.poll() is not None:
            words = process.stop(self._emulator)
            raise self.failure("the machine ended" + (f": {words}" if words else ""))


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
        drive: ISO image that the machine sees as a second disk.
        forward: Loopback address at which a TCP port of the machine is reached, and the port, the
            same outside and inside; ``None`` for none. The machine reaches this network
            namespace's loopback as 10.0.2.2.

    Raises:
        MachineFailed: It does not start.
        errors.ImageError: There is no machine for the image's architecture.
        errors.ToolMissing: QEMU is not installed.
        errors.RetrofitError: There is too little memory.
    """
    overlay = place.work / f"{name}.qcow2"
    output = place.evidence / f"{name}-console.log", place.evidence / f"{name}-report.log"
    words = _words(place, overlay=overlay, drive=drive, output=output)
    if machines_that_fit() < 1:
        raise errors.RetrofitError(
            f"a machine needs {_mebibytes(MEMORY + _OVERHEAD)} of memory,"
            f" but only {_mebibytes(_available())} are available",
            hint="free memory, or prove the image with --depth rest",
        )
    process.run(
        [
            *("qemu-img", "create", "-q", "-f", "qcow2"),
            *("-F", "raw", "-b", place.image, overlay, str(place.flavor_disk)),
        ],
        timeout_s=_COMMAND_TIMEOUT_S,
    )
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as held:
        held.enter_context(ours)
        with theirs:
            emulator = process.start(
                [
                    *words,
                    *("-netdev", _management(forward)),
                    *("-device", f"virtio-net-pci,netdev=management,mac={MAC},romfile="),
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
        yield Machine(name, output=output, emulator=emulator, monitor=monitor)


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


def report_port(architecture: str) -> str:
    """Return the device, inside of a machine, whose output goes to :attr:`Machine.report`."""
    return _PLATFORMS[architecture].report


def machines_that_fit() -> int:
    """Return how many machines there is memory for."""
    return _available() // (MEMORY + _OVERHEAD)


def _words(
    place: bench.Bench,
    *,
    overlay: pathlib.Path,
    drive: pathlib.Path,
    output: tuple[pathlib.Path, pathlib.Path],
) -> list[str]:
    """Return QEMU's command line but for the network and the monitor."""
    program = accelerator.emulator(place.architecture)
    platform = _PLATFORMS[place.architecture]
    accelerated = ("-accel", "kvm", "-cpu", "host")
    emulated = ("-accel", f"tcg,thread=multi,tb-size={_TRANSLATED_MIB}", "-cpu", "max")
    slots = [
        word
        for number in range(_SLOTS)
        for word in ("-device", f"pcie-root-port,id=slot{number},chassis={number + 1}")
    ]
    return [
        *(program, "-nodefaults", "-no-user-config"),
        *("-display", "none"),
        # Whoever breaks out of the machine starts no program and gains no right.
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-chardev", f"file,id=console,path={_word(output[0])},mux=on"),
        *("-chardev", f"file,id=report,path={_word(output[1])}"),
        *("-serial", "chardev:console"),
        *platform.words,
        *(accelerated if place.accelerated else emulated),
        *("-smp", str(PROCESSORS), "-m", str(MEMORY // model.MIB)),
        *("-drive", f"file={_word(overlay)},format=qcow2,if=virtio,cache=unsafe,discard=unmap"),
        *("-drive", f"file={_word(drive)},format=raw,if=virtio,readonly=on"),
        *("-device", "virtio-rng-pci"),
        *slots,
    ]


def _word(path: pathlib.Path) -> str:
    """Return a path as QEMU takes it among other options."""
    return os.fspath(path).replace(",", ",,")


def _available() -> int:
    """Return the bytes of memory that can be had without swapping (proc(5), MemAvailable)."""
    found = re.search(r"^MemAvailable: +(\d+) kB$", _MEMINFO.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _mebibytes(size: int) -> str:
    return f"{size // model.MIB} MiB"
