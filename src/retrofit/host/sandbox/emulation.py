"""Runs programs of other architectures in a workshop, by QEMU's emulation of their processor.

Since Linux 6.7 each user namespace can have registrations of its own (binfmt_misc), so that of a
workshop ends with it and the host's stay as they are. On an older kernel, the host's count.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import platform
import struct

from ... import errors
from ...model import architectures
from .. import process
from . import namespaces

_REGISTRATIONS = pathlib.Path("/proc/sys/fs/binfmt_misc")
# Architectures whose programs a processor runs itself, by that of the machine.
_NATIVE = {"amd64": ("amd64", "i386"), "arm64": ("arm64",)}
# The kernel opens the emulator once, here, so that it need not be in an image; and programs keep
# the rights that their own files give them.
_FLAGS = "CF"


@dataclasses.dataclass(frozen=True)
class _Processor:
    """What QEMU calls a processor, and what the header of its programs says (elf.h).

    Attributes:
        name: QEMU's name.
        machine: Number of the machine.
        wide: Whether it has 64 bits.
    """

    name: str
    machine: int
    wide: bool = True

    def registration(self, emulator: str) -> bytes:
        """Return the line for binfmt_misc: programs and libraries of any system's interface."""
        ident = bytes((*b"\x7fELF", 2 if self.wide else 1, 1, 1)) + bytes(9)
        magic = ident + struct.pack("<HH", 2, self.machine)
        mask = b"\xff" * 7 + bytes(9) + b"\xfe\xff\xff\xff"
        escaped = (
            "".join(f"\\x{byte:02x}" for byte in part).encode("ascii") for part in (magic, mask)
        )
        name = f"qemu-{self.name}".encode("ascii")
        words = (name, b"M", b"0", *escaped, emulator.encode(), _FLAGS.encode("ascii"))
        return b":" + b":".join(words)


# Those with the least significant byte first.
_PROCESSORS = {
    "amd64": _Processor("x86_64", 62),
    "arm64": _Processor("aarch64", 183),
    "armhf": _Processor("arm", 40, wide=False),
    "ppc64el": _Processor("ppc64le", 21),
    "riscv64": _Processor("riscv64", 243),
}


@functools.cache
def of_the_host() -> frozenset[str]:
    """Return the names of the host's registrations; the first call is to be outside of ``/proc``.

    A workshop's own ``/proc`` does not show them.
    """
    try:
        return frozenset(entry.name for entry in _REGISTRATIONS.iterdir())
    except OSError:
        # There is none, or a mount that a container only sees.
        return frozenset()


def is_native(architecture: str) -> bool:
    """Tell whether programs of a Debian architecture run without an emulator."""
    here = architectures.debian_architecture(platform.machine())
    return architecture in _NATIVE.get(here, (here,))


def emulator(architecture: str) -> str:
    """Return the program that emulates a Debian architecture.

    Raises:
        errors.ImageError: None does.
        errors.ToolMissing: It is not installed.
    """
    processor = _processor(architecture)
    # Debian 13 and Ubuntu 25.04 have it under the second name.
    for name in (f"qemu-{processor.name}-static", f"qemu-{processor.name}"):
        try:
            return process.find(name)
        except errors.ToolMissing:
            continue
    raise errors.ToolMissing(
        f"programs of {architecture} cannot run on this machine: their emulator is not installed",
        hint="install the package qemu-user-static",
    )


def prepare(architecture: str) -> None:
    """Have programs of a Debian architecture run in this workshop.

    Raises:
        errors.ImageError: Nothing here runs them.
        errors.ToolMissing: What runs them is not installed, or the kernel is too old.
    """
    if is_native(architecture):
        return
    processor = _processor(architecture)
    if f"qemu-{processor.name}" in of_the_host():
        return
    line = processor.registration(emulator(architecture))
    try:
        if not (_REGISTRATIONS / "register").exists():
            namespaces.mount_registrations(_REGISTRATIONS)
        if not (_REGISTRATIONS / f"qemu-{processor.name}").exists():
            (_REGISTRATIONS / "register").write_bytes(line)
    except (errors.ToolMissing, OSError) as error:
        raise errors.ToolMissing(
            f"programs of {architecture} cannot run on this machine: its kernel takes emulators"
            " only from the machine's root",
            hint="install the package qemu-user-static with binfmt-support on this machine, or on"
            " the host of this container; or use Linux 6.7 or later",
        ) from error


def _processor(architecture: str) -> _Processor:
    if architecture not in _PROCESSORS:
        raise errors.ImageError(
            f"programs of {architecture} cannot run on this machine",
            hint=f"use a machine of {architecture}",
        )
    return _PROCESSORS[architecture]
