"""Whether a machine can build and prove images: what ``retrofit doctor`` asks of it.

What a build does first is tried here as a build does it: its work directory, its namespaces, its
network.
"""

from __future__ import annotations

import os
import pathlib
import platform
import shutil

from .. import errors, model
from ..model import architectures, diagnosis
from . import accelerator, caches, programs
from .sandbox import networks, workshop

_RESTRICTION = pathlib.Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_MEMORY = pathlib.Path("/proc/meminfo")
_REQUIREMENTS = "see docs/reference/requirements.md"

# What a build of a small cloud image takes (docs/reference/requirements.md says how much that is).
_WORK_BYTES = 5 * model.GIB
# Of 2 GiB a virtual machine's kernel keeps some for itself.
_MEMORY_BYTES = 7 * model.GIB // 4


def forking(work_base: pathlib.Path | None) -> tuple[diagnosis.Check, ...]:
    """Return the checks that fork this process, which may have no other threads then.

    Args:
        work_base: Directory of work directories; ``None`` for the default.
    """

    def work_directory() -> str:
        with workshop.work_directory(work_base) as work:
            free = shutil.disk_usage(work).free
        where = workshop.work_base(work_base)
        found = f"{where} has {free / model.GIB:.1f} GiB of free space"
        if free < _WORK_BYTES:
            raise errors.NoSpace(
                f"{found}: a build takes three times the virtual size of its base image",
                hint="free space, or set another directory with --work-dir",
            )
        return found

    def namespaces() -> str:
        _open(networks.Network.ALONE)
        return "a build's user, mount, PID, IPC, UTS and network namespaces can be made"

    def network() -> str:
        _open(networks.Network.CONNECTED)
        return "slirp4netns opens /dev/net/tun in a build's namespaces"

    return (
        diagnosis.Check("work-directory", work_directory),
        diagnosis.Check("namespaces", namespaces),
        diagnosis.Check("network", network, ("namespaces",)),
    )


def others(cache: pathlib.Path | None) -> tuple[diagnosis.Check, ...]:
    """Return the checks that may be made side by side.

    Args:
        cache: Directory for what builds share; ``None`` for the default.
    """
    return (
        diagnosis.Check("apparmor", _apparmor),
        diagnosis.Check("kvm", _kvm),
        diagnosis.Check("memory", _memory),
        diagnosis.Check("cache", lambda: _cache((cache or caches.of_builds()).absolute())),
        diagnosis.Check("programs", _programs),
    )


def _open(network: networks.Network) -> None:
    """Open a workshop with a network, as a build does, and close it."""
    # It needs no files; the work directory is another check's.
    workshop.run(pathlib.Path("/"), lambda _: None, workshop.Silent(), network=network)


def _apparmor() -> str:
    try:
        restricts = _RESTRICTION.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return "the kernel knows no restriction of unprivileged user namespaces"
    if not restricts:
        return f"{_RESTRICTION.name} is 0"
    if os.geteuid() == 0:
        return f"{_RESTRICTION.name} is 1, which does not concern root"
    raise errors.ToolMissing(
        f"{_RESTRICTION.name} is 1: AppArmor restricts user namespaces to root",
        hint=f"run as root, or set it to 0: sysctl -w kernel.{_RESTRICTION.name}=0",
    )


def _kvm() -> str:
    architecture = architectures.debian_architecture(platform.machine())
    if accelerator.accelerates(architecture):
        return "a guest runs under KVM: a proof to depth boot takes half a minute"
    return (
        "no guest runs under KVM: a proof to depth boot takes 3 to 5 minutes in place of half a "
        "minute, and images with LVM, XFS or btrfs take minutes longer"
    )


def _memory() -> str:
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    sizes = {
        name: int(rest.split()[0]) * 1024 for name, _, rest in (x.partition(":") for x in lines)
    }
    usable = sizes["MemAvailable"] + sizes["SwapFree"]
    found = f"{usable / model.GIB:.1f} of {sizes['MemTotal'] / model.GIB:.1f} GiB are available"
    if usable < _MEMORY_BYTES:
        raise errors.ToolMissing(
            f"{found}: a build needs 2 GiB, and each machine of a proof 1 GiB more",
            hint="give the machine more memory or swap space",
        )
    return found


def _cache(directory: pathlib.Path) -> str:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise errors.OutputError(
            f"the cache {directory} cannot be written: no build saves time by an earlier one",
            hint=f"make {there} writable for this user, or set cache-dir",
        )
    return f"{directory} on a disk with {shutil.disk_usage(there).free / model.GIB:.1f} GiB free"


def _programs() -> str:
    architecture = architectures.debian_architecture(platform.machine())
    lacking = programs.missing(programs.NEEDED)
    packages = {programs.NEEDED[program] for program in lacking}
    if lacking:
        raise errors.ToolMissing(
            f"programs are not installed: {', '.join(lacking)}",
            hint=f"install the packages {' '.join(sorted(packages))}",
        )
    accelerator.emulator(architecture)
    optional = programs.missing(programs.BOOTSTRAP)
    further = f"; bootstrap: would need {', '.join(optional)}" if optional else ""
    return f"all {len(programs.NEEDED) + 1} programs of builds and proofs are installed{further}"
