"""System calls that make namespaces, and their errors in words."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal

from ... import errors

_LIBC = ctypes.CDLL(None, use_errno=True)

# Flags of unshare(2) and mount(2), and the option of prctl(2), from Linux's uapi headers.
NEW_MOUNT = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PID = 0x20000000
NEW_NETWORK = 0x40000000
_MS_BIND = 0x1000
_MS_REC_PRIVATE = 0x4000 | 0x40000
_MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1


def unshare(flags: int) -> None:
    """Move the calling process (or, for a PID namespace, its children) into new namespaces.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    if _LIBC.unshare(flags) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise errors.ToolMissing(
            f"the kernel refuses the namespaces that a build needs: {reason}",
            hint="see docs/reference/requirements.md, “Namespaces”",
        )


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def privatise_mounts() -> None:
    """Keep this mount namespace's mounts to itself, and give it the ``/proc`` of its processes.

    Raises:
        errors.ToolMissing: The container this runs in does not let containers nest.
    """
    detach_mounts()
    _mount(b"proc", pathlib.Path("/proc"), b"proc", _MS_NOSUID_NODEV_NOEXEC)


def detach_mounts() -> None:
    """Keep this mount namespace's mounts to itself.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    _mount(None, pathlib.Path("/"), None, _MS_REC_PRIVATE)


def mount_registrations(target: pathlib.Path) -> None:
    """Have this user namespace's own registrations of emulators (binfmt_misc) be at ``target``.

    Raises:
        errors.ToolMissing: The kernel has none for user namespaces.
    """
    _mount(b"binfmt_misc", target, b"binfmt_misc", _MS_NOSUID_NODEV_NOEXEC)


def cover(target: pathlib.Path) -> None:
    """Have an empty directory, which all may enter, be at ``target`` in this mount namespace.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    _mount(b"tmpfs", target, b"tmpfs", _MS_NOSUID_NODEV_NOEXEC, b"mode=0755")


def uncover(target: pathlib.Path) -> None:
    """Take away what :func:`cover` mounted.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    if _LIBC.umount2(os.fsencode(target), _MNT_DETACH) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise errors.ToolMissing(f"unmounting {target} in the build's namespace failed: {reason}")


def bind(source: pathlib.Path, target: pathlib.Path) -> None:
    """Have what is at ``target`` be what is at ``source``, in this mount namespace.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    _mount(os.fsencode(source), target, None, _MS_BIND)


def _mount(
    source: bytes | None,
    target: pathlib.Path,
    kind: bytes | None,
    flags: int,
    options: bytes | None = None,
) -> None:
    if _LIBC.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise errors.ToolMissing(
            f"mounting {target} in the build's own namespace is refused: {reason}",
            hint="in an LXD container set security.nesting=true, as Juju's profile does",
        )
