"""Boots an image in an emulated machine, as a hypervisor would, without writing to the image."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from retrofit import accelerator

_T = TypeVar("_T")

# Address of the machine's network card; in the range that QEMU uses for guests.
MAC = "52:54:00:0a:4d:01"

_PROCESSORS = 2
_MEMORY_MIB = 2048
# What charm-octavia's flavor gives an amphora, so the image has to grow on its first boot.
_DISK = "8G"
_ACCELERATED = {
    True: ("-accel", "kvm", "-cpu", "host"),
    False: ("-accel", "tcg,thread=multi", "-cpu", "max"),
}
_END_TIMEOUT_S = 20
_POLL_S = 1.0
_TAIL_LINES = 60


class BootError(AssertionError):
    """The machine did not do what was waited for; carries what its console said last."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A running machine.

    Attributes:
        console: File that the first serial port, the kernel's console, is written to.
        report: File that the second serial port is written to.
    """

    console: pathlib.Path
    report: pathlib.Path
    _process: subprocess.Popen[bytes]
    _errors: pathlib.Path

    def wait_for(self, what: str, attempt: Callable[[], _T | None], *, timeout_s: float) -> _T:
        """Call ``attempt`` until it returns something else than ``None``, and return that.

        Raises:
            BootError: It did not within ``timeout_s`` seconds, or the machine ended.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            result = attempt()
            if result is not None:
                return result
            if self._process.poll() is not None:
                raise self.failure(f"the machine ended before {what}")
            time.sleep(_POLL_S)
        raise self.failure(f"no {what} within {timeout_s:.0f} s")

    def failure(self, message: str) -> BootError:
        """Return an error with ``message`` and the last lines of the console."""
        parts = [message]
        for name, file in (
            ("qemu", self._errors),
            ("console", self.console),
            ("report", self.report),
        ):
            lines = file.read_text(errors="replace").splitlines() if file.exists() else []
            parts += [f"--- {name}, last lines:", *lines[-_TAIL_LINES:]]
        return BootError("\n".join(parts))


@contextlib.contextmanager
def boot(
    image: pathlib.Path, *, config_drive: pathlib.Path, work: pathlib.Path, address: str, port: int
) -> Iterator[Machine]:
    """Boot a qcow2 image and end the machine with the context.

    Args:
        image: The image; what the machine writes goes to a file in ``work``.
        config_drive: ISO image that the machine sees as a second disk.
        work: Directory for the machine's files.
        address: Loopback address at which the machine's ``port`` is reached.
        port: TCP port, the same outside and inside.
    """
    overlay = work / "overlay.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, overlay, _DISK],
        check=True,
    )
    console, report, errors = work / "console.log", work / "report.log", work / "qemu.log"
    command: list[str | pathlib.Path] = [
        # Nothing of a test run that is killed may go on burning two processors.
        *("setpriv", "--pdeathsig", "KILL"),
        *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", *_ACCELERATED[accelerator.kvm_works()]),
        *("-smp", str(_PROCESSORS), "-m", str(_MEMORY_MIB)),
        *("-drive", f"file={overlay},format=qcow2,if=virtio,cache=unsafe,discard=unmap"),
        *("-drive", f"file={config_drive},format=raw,if=virtio,readonly=on"),
        *("-netdev", f"user,id=management,hostfwd=tcp:{address}:{port}-:{port}"),
        *("-device", f"virtio-net-pci,netdev=management,mac={MAC}"),
        *("-device", "virtio-rng-pci"),
        *("-serial", f"file:{console}", "-serial", f"file:{report}"),
    ]
    with errors.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield Machine(console, report, process, errors)
        finally:
            process.terminate()
            try:
                process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
