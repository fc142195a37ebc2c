"""The ``/sys`` that scripts of a build see: of a machine with a virtio disk and network card.

diskimage-builder shows the build machine's own. An image starts on other machines, and is the same
wherever it is built, so this one is always the same. It has what lsblk and its like look at.
"""

from __future__ import annotations

import os
import pathlib

# A number that no driver has: mounts of the build machine belong to none of these devices.
_MAJOR = 240
_SECTORS = 16 * 1024 * 1024
_FIRST_SECTOR = 2048
_DISK = "devices/pci0000:00/0000:00:04.0/virtio1/block/vda"
_PARTITION = f"{_DISK}/vda1"
_CARD = "devices/pci0000:00/0000:00:03.0/virtio0/net/ens3"
_LOOPBACK = "devices/virtual/net/lo"
_FILES = {
    f"{_DISK}/dev": f"{_MAJOR}:0",
    f"{_DISK}/range": "16",
    f"{_DISK}/removable": "0",
    f"{_DISK}/ro": "0",
    f"{_DISK}/size": str(_SECTORS),
    f"{_DISK}/queue/discard_granularity": "512",
    f"{_DISK}/queue/logical_block_size": "512",
    f"{_DISK}/queue/minimum_io_size": "512",
    f"{_DISK}/queue/optimal_io_size": "0",
    f"{_DISK}/queue/physical_block_size": "512",
    f"{_DISK}/queue/rotational": "1",
    f"{_PARTITION}/dev": f"{_MAJOR}:1",
    f"{_PARTITION}/partition": "1",
    f"{_PARTITION}/ro": "0",
    f"{_PARTITION}/size": str(_SECTORS - _FIRST_SECTOR),
    f"{_PARTITION}/start": str(_FIRST_SECTOR),
    f"{_CARD}/mtu": "1500",
    f"{_CARD}/operstate": "up",
    f"{_CARD}/type": "1",
    f"{_LOOPBACK}/mtu": "65536",
    f"{_LOOPBACK}/operstate": "unknown",
    f"{_LOOPBACK}/type": "772",
    "devices/pci0000:00/0000:00:03.0/virtio0/modalias": "virtio:d00000001v00001AF4",
    "devices/pci0000:00/0000:00:04.0/virtio1/modalias": "virtio:d00000002v00001AF4",
    "devices/system/cpu/online": "0",
    "devices/system/cpu/possible": "0",
    "devices/system/cpu/present": "0",
}
_LINKS = {
    "block/vda": _DISK,
    "class/block/vda": _DISK,
    "class/block/vda1": _PARTITION,
    "class/net/ens3": _CARD,
    "class/net/lo": _LOOPBACK,
    f"dev/block/{_MAJOR}:0": _DISK,
    f"dev/block/{_MAJOR}:1": _PARTITION,
}
_DIRECTORIES = ("bus", "dev/char", "firmware", "fs/cgroup", "kernel", "module", "power")


def make(place: pathlib.Path) -> None:
    """Make the files in a new directory, which a cell is to show as ``/sys``."""
    for name in _DIRECTORIES:
        (place / name).mkdir(parents=True)
    for name, text in _FILES.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="ascii")
    for name, target in _LINKS.items():
        link = place / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(place / target, link.parent))
