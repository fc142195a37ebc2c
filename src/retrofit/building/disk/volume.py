"""A file system of a disk image: where it lies and what it is."""

from __future__ import annotations

import dataclasses

from . import partitions


@dataclasses.dataclass(frozen=True)
class Volume:
    """A mounted file system of the image.

    Attributes:
        mount_point: Where the image mounts it, such as ``/``, ``/boot`` or ``/boot/efi``.
        partition: The partition that holds it; for a logical volume, the physical volume.
        filesystem: What it is; never an ``LVM2_member``.
        device: Device as the guestfs appliance names it when it is no partition of its own, such
            as ``/dev/vg/root``; empty otherwise.
    """

    mount_point: str
    partition: partitions.Partition
    filesystem: partitions.Filesystem
    device: str = ""
