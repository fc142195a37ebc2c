"""Whether virtual machines run at full speed here: tried, since a device file proves nothing.

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

from . import errors, process

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
            _LOG.info("KVM is there but does not work: %s", failure)
            return False
    return completed.returncode == _SUCCESS
