"""The file systems of an image, wherever they lie, and single files of them."""

from __future__ import annotations

import pathlib

from . import ext4, guestfs_path, partitions, volume

# Types of partitions that only a kernel can look into, and so the guestfs path.
_KERNEL_KINDS = frozenset({"xfs", "btrfs", "LVM2_member"})
_PHYSICAL_VOLUME = "LVM2_member"
# What is asked for of a file system, by the paths that it has where it is mounted alone.
_FILES = (
    "/usr/lib/os-release",
    "/lib/os-release",
    "/etc/os-release",
    "/etc/fstab",
    "/var/lib/dpkg/status",
    "/lib/dpkg/status",
    "/dpkg/status",
    "/usr/bin/rpm",
    "/bin/rpm",
)


class Devices:
    """The file systems of an image, none of which is mounted.

    Those that only a kernel reads are looked at when they are asked for, and only once.

    Args:
        raw: The image.
        table: Its partition table.
        work: Directory for temporary files.
    """

    def __init__(self, raw: pathlib.Path, table: partitions.Table, work: pathlib.Path) -> None:
        self.table = table
        self._raw = raw
        self._work = work
        self._looked: dict[volume.Volume, dict[str, bytes]] | None = None

    def plain(self) -> list[volume.Volume]:
        """Return the partitions with an ext4 or one of its forebears."""
        return [one for one in self._partitions() if one.filesystem.kind in ext4.KINDS]

    def of_kernels(self) -> list[volume.Volume]:
        """Return the file systems that only a kernel reads, those on logical volumes included."""
        return list(self._look())

    def all(self) -> list[volume.Volume]:
        """Return all file systems; logical volumes only if there are any."""
        found = [one for one in self._partitions() if one.filesystem.kind != _PHYSICAL_VOLUME]
        if len(found) == len(self._partitions()):
            return found
        return [*found, *(one for one in self._look() if one.device)]

    def read(self, one: volume.Volume, path: str) -> bytes | None:
        """Return the content of a file that layouts are told by; ``None`` if there is none."""
        if one.filesystem.kind in ext4.KINDS and not one.device:
            return ext4.read_file(self._raw, one.partition, path, self._work)
        if one.filesystem.kind in _KERNEL_KINDS or one.device:
            for known, files in self._look().items():
                if (known.partition, known.device) == (one.partition, one.device):
                    return files.get(path)
        return None

    def is_empty(self, one: volume.Volume, directory: str) -> bool:
        """Tell whether a directory is empty or missing, as far as that can be told."""
        if one.filesystem.kind in ext4.KINDS and not one.device:
            return ext4.is_empty(self._raw, one.partition, directory)
        return True

    def _partitions(self) -> list[volume.Volume]:
        return [
            volume.Volume("/", one, one.filesystem)
            for one in self.table.partitions
            if one.filesystem is not None
        ]

    def _look(self) -> dict[volume.Volume, dict[str, bytes]]:
        if self._looked is None:
            self._looked = {}
            devices = set()
            for one in self._partitions():
                if one.filesystem.kind not in _KERNEL_KINDS:
                    continue
                for device, filesystem, files in guestfs_path.look_into(
                    self._raw, one.partition, _FILES, self._work
                ):
                    # Each physical volume shows all logical ones.
                    if not device or device not in devices:
                        devices.add(device)
                        self._looked[volume.Volume("/", one.partition, filesystem, device)] = files
        return self._looked
