"""The disk of libguestfs's virtual machine, made of this system's programs and kernel."""

from __future__ import annotations

import os
import pathlib
import platform

from ... import errors
from ...host import process

_BUILD_TIMEOUT_S = 600.0


def build(work: pathlib.Path) -> pathlib.Path:
    """Build the appliance's disk, once in a work directory, and return where it is.

    libguestfs would do so itself, but of this system's files as the workshop sees them: root's
    belong to nobody there, and the appliance's mount, which is set-user-id, becomes nobody's.

    Raises:
        errors.ToolMissing: libguestfs's files are missing, or a kernel that may be read.
    """
    place = work / "appliance"
    if place.exists():
        return place
    kernel, definition = parts()
    words = ["supermin", "--build", "--format", "ext2", "--copy-kernel"]
    process.run(
        [*words, "--host-cpu", platform.machine(), "-o", place, definition],
        timeout_s=_BUILD_TIMEOUT_S,
        extra_environment={
            "SUPERMIN_KERNEL": str(kernel),
            "SUPERMIN_MODULES": str(_modules(kernel)),
        },
    )
    for program in ("mount", "umount"):
        request = f"sif /usr/bin/{program} mode 0100755"
        process.run(["debugfs", "-w", "-R", request, place / "root"], timeout_s=_BUILD_TIMEOUT_S)
    # This file is how libguestfs knows an appliance that is not to be rebuilt.
    (place / "README.fixed").touch()
    return place


def parts() -> tuple[pathlib.Path, pathlib.Path]:
    """Return what the appliance is made of: a kernel, and the directory that says the rest.

    Raises:
        errors.ToolMissing: libguestfs's files are missing, or a kernel that may be read.
    """
    kernel = _kernel()
    definition = next(iter(sorted(pathlib.Path("/usr/lib").glob("*/guestfs/supermin.d"))), None)
    if definition is None:
        raise errors.ToolMissing(
            "the files of libguestfs's appliance are missing", hint="install libguestfs-tools"
        )
    return kernel, definition


def _kernel() -> pathlib.Path:
    """Choose a kernel for the appliance: the running one, or else the newest that is readable.

    Raises:
        errors.ToolMissing: There is none.
    """
    kernels = [path for path in sorted(pathlib.Path("/boot").glob("vmlinuz-*")) if _modules(path)]
    readable = [path for path in kernels if os.access(path, os.R_OK)]
    if not readable:
        raise errors.ToolMissing(
            f"libguestfs's appliance cannot read the kernel {kernels[-1]}"
            if kernels
            else "libguestfs's appliance needs a kernel in /boot and its modules, but finds none",
            hint="run chmod 0644 /boot/vmlinuz-*"
            if kernels
            else "install linux-image-virtual (Ubuntu) or linux-image-cloud-amd64 (Debian)",
        )
    running = [path for path in readable if path.name == f"vmlinuz-{platform.release()}"]
    return (running or readable)[-1]


def _modules(kernel: pathlib.Path) -> pathlib.Path | None:
    """Return the directory of a kernel's modules, if it is there."""
    directory = pathlib.Path("/lib/modules") / kernel.name.removeprefix("vmlinuz-")
    return directory if directory.is_dir() else None
