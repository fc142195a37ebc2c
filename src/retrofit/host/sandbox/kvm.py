"""The device of the kernel's hypervisor, for machines that run in a workshop.

Root of a machine is nobody there once its ids are shifted, and the device is root's: it gets a
device node of its own, put over the host's in its own mounts. Everybody else keeps the rights
they had.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import stat

from ... import errors
from . import identity, namespaces

_LOG = logging.getLogger(__name__)
_DEVICE = pathlib.Path("/dev/kvm")
_LENT = "kvm"


def lend(work: pathlib.Path) -> None:
    """Make a device node for the workshop whose work directory is given, where it needs one."""
    owner = identity.plan().owner
    if os.geteuid() != 0 or owner[0] == 0 or not _DEVICE.exists():
        return
    node = work / _LENT
    # A file system without device nodes, say: then machines are emulated.
    with contextlib.suppress(OSError):
        os.mknod(node, stat.S_IFCHR | 0o600, _DEVICE.stat().st_rdev)
        os.chown(node, *owner)


def take(work: pathlib.Path) -> None:
    """Put the node that :func:`lend` made in its place; called in the workshop."""
    node = work / _LENT
    if not node.exists():
        return
    try:
        namespaces.bind(node, _DEVICE)
    except errors.ToolMissing as refusal:
        _LOG.warning("machines are emulated: %s", refusal.message)
