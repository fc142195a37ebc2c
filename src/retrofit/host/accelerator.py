"""What runs virtual machines here, and whether at full speed: tried, a device file proves nothing.

``/dev/kvm`` may be there and refuse, or accept a machine that then never gets on (nested
virtualisation that is not really there), so a tiny guest has to end by itself in time.
"""

from __future__ import annotations

import functools
import logging
import os
import pathlib
import platform
import tempfile

from .. import errors
from ..model import architectures
from . import process

_LOG = logging.getLogger(__name__)
_KVM = pathlib.Path("/dev/kvm")
_TRIAL_TIMEOUT_S = 10.0

# A boot sector that counts down from 10^8 (0.1 s on a processor; a KVM that is itself
# emulated needs minutes), writes 0x2a to the port of QEMU's isa-debug-exit device and halts:
# mov ecx, 100000000; again: dec ecx; jnz again; mov dx, 0x501; mov al, 0x2a; out dx, al; hlt.
_COUNT = (100_000_000).to_bytes(4, "little")
_CODE = b"\x66\xb9" + _COUNT + b"\x66\x49\x75\xfc" + b"\xba\x01\x05\xb0\x2a\xee\xf4"
_GUEST = _CODE.ljust(510, b"\0") + b"\x55\xaa"
# The device makes QEMU end with twice the value plus one.
_SUCCESS = 0x2A * 2 + 1


# By Debian architecture: QEMU's name of it, and the package with the program.
_EMULATORS = {
    "amd64": ("x86_64", "qemu-system-x86"),
    "arm64": ("aarch64", "qemu-system-arm"),
    "ppc64el": ("ppc64", "qemu-system-ppc"),
}


def emulator(architecture: str) -> str:
    """Return the QEMU that runs machines of a Debian architecture.

    Raises:
        errors.ImageError: No machine of that architecture is known.
        errors.ToolMissing: It is not installed.
    """
    if architecture not in _EMULATORS:
        raise errors.ImageError(
            f"no machine of the architecture {architecture} can be started",
            hint="prove the image with --depth rest",
        )
    name, package = _EMULATORS[architecture]
    try:
        return process.find(f"qemu-system-{name}")
    except errors.ToolMissing as missing:
        raise errors.ToolMissing(missing.message, hint=f"install the package {package}") from None


def accelerates(architecture: str) -> bool:
    """Tell whether machines of a Debian architecture run under KVM here.

    Raises:
        errors.ImageError: No machine of that architecture is known.
        errors.ToolMissing: There is no QEMU for them.
    """
    emulator(architecture)
    here = architectures.debian_architecture(platform.machine())
    return architecture == here and kvm_works()


@functools.cache
def kvm_works() -> bool:
    """Start a guest that only counts under KVM and tell whether it came to its end.

    The guest is code for x86. On other machines a KVM that may be opened counts as working.
    """
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return False
    if platform.machine() != "x86_64":
        return True
    with tempfile.NamedTemporaryFile(prefix="retrofit-", suffix=".boot") as guest:
        guest.write(_GUEST)
        guest.flush()
        try:
            completed = process.run(
                ["qemu-system-x86_64", "-accel", "kvm", "-nodefaults", "-no-user-config"]
                + ["-display", "none", "-m", "16", "-device", "isa-debug-exit,iobase=0x501"]
                + ["-drive", f"file={guest.name},format=raw,if=ide,snapshot=on"],
                timeout_s=_TRIAL_TIMEOUT_S,
                check=False,
            )
        except errors.CommandError as failure:
            _LOG.info("KVM exists, but does not work: %s", failure)
            return False
    return completed.returncode == _SUCCESS
