"""Access control lists of ext4, which fuse2fs shows in a listing but cannot give out.

In a user namespace the kernel refuses the lists of a FUSE file system that has no support for
them, and an overlay then fails to copy such a file. So the few lists of an image are taken out of
the (private) image before it is mounted, and set again in the overlay, whose upper directory
supports them.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import struct
from collections.abc import Iterator

from .. import errors, process, rootfs
from . import partitions

_TOOL_TIMEOUT_S = 120.0
_NAMES = ("system.posix_acl_access", "system.posix_acl_default")
_INODE_TABLE = re.compile(r"Inode table at (\d+)-")
_FIELD = re.compile(r"^(Block size|Inode size|Inodes per group):\s+(\d+)$", re.MULTILINE)

# struct ext4_inode (https://docs.kernel.org/filesystems/ext4/inodes.html): where the block of
# extended attributes is named, and how long the fixed part is; attributes may follow that.
_MODE_AT, _BLOCK_LOW_AT, _BLOCK_HIGH_AT = 0x00, 0x68, 0x76
_FIXED_SIZE, _EXTRA_SIZE_AT = 0x80, 0x80
_IN_INODE_MAGIC = 0xEA020000


@dataclasses.dataclass(frozen=True)
class AccessList:
    """A list that a file had.

    Attributes:
        path: The file, relative to the root of its file system.
        name: Name of the extended attribute.
        value: The list as the kernel takes it.
    """

    path: str
    name: str
    value: bytes

    def restore(self, root: pathlib.Path) -> None:
        """Give the file its list in the tree at ``root``."""
        # The image gives the path, and whether there are links on its way.
        file = rootfs.resolve(root, self.path, follow_last=False)
        os.setxattr(file, self.name, self.value, follow_symlinks=False)


def take_out(
    raw: pathlib.Path, partition: partitions.Partition, work: pathlib.Path
) -> tuple[AccessList, ...]:
    """Remove all access control lists from an unmounted file system and return them.

    Args:
        raw: The image, changed in place.
        partition: Where the file system is.
        work: Directory for temporary files.

    Raises:
        errors.ImageError: The lists cannot be read.
    """
    where = f"{raw}?offset={partition.start}"
    inodes = list(_with_attributes(raw, partition.start, where))
    if not inodes:
        return ()
    value = work / "acl.value"
    found: dict[tuple[int, str], bytes] = {}
    for inode in inodes:
        for name in _NAMES:
            value.write_bytes(b"")
            _debugfs(where, f"ea_get -f {value} <{inode}> {name}")
            # debugfs ends with status 0 whatever happened; only the file tells.
            content = value.read_bytes()
            if content:
                found[inode, name] = content
    paths = _paths(where, sorted({inode for inode, _ in found}))
    for inode, name in found:
        _debugfs(where, f"ea_rm <{inode}> {name}", "-w")
    return tuple(AccessList(paths[inode], name, value) for (inode, name), value in found.items())


def _with_attributes(raw: pathlib.Path, offset: int, where: str) -> Iterator[int]:
    """Yield the inodes that have extended attributes of any name."""
    described = process.run(["dumpe2fs", where], timeout_s=_TOOL_TIMEOUT_S).stdout
    fields = {name: int(number) for name, number in _FIELD.findall(described)}
    size, per_group = fields["Inode size"], fields["Inodes per group"]
    with raw.open("rb") as stream:
        for group, block in enumerate(map(int, _INODE_TABLE.findall(described))):
            stream.seek(offset + block * fields["Block size"])
            table = stream.read(per_group * size)
            for index in range(per_group):
                if _has_attributes(table, index * size, size):
                    yield group * per_group + index + 1


def _has_attributes(table: bytes, at: int, size: int) -> bool:
    """Tell whether the inode at a place of a table is in use and has extended attributes."""
    if table[at + _MODE_AT : at + _MODE_AT + 2] == b"\0\0":
        return False
    (low,) = struct.unpack_from("<I", table, at + _BLOCK_LOW_AT)
    (high,) = struct.unpack_from("<H", table, at + _BLOCK_HIGH_AT)
    if low or high:
        return True
    if size <= _FIXED_SIZE:
        return False
    (extra,) = struct.unpack_from("<H", table, at + _EXTRA_SIZE_AT)
    if _FIXED_SIZE + extra + 4 > size:
        return False
    (magic,) = struct.unpack_from("<I", table, at + _FIXED_SIZE + extra)
    return bool(magic == _IN_INODE_MAGIC)


def _paths(where: str, inodes: list[int]) -> dict[int, str]:
    """Find the names of inodes.

    Raises:
        errors.ImageError: One has none.
    """
    if not inodes:
        return {}
    listed = _debugfs(where, "ncheck " + " ".join(map(str, inodes))).stdout
    paths: dict[int, str] = {}
    for line in listed.splitlines():
        number, _, path = line.partition("\t")
        if number.isdigit():
            paths[int(number)] = path.lstrip("/")
    missing = [inode for inode in inodes if inode not in paths]
    if missing:
        raise errors.ImageError(f"inode {missing[0]} of the image has no name")
    return paths


def _debugfs(where: str, request: str, *options: str) -> process.Completed:
    """Run one request of debugfs."""
    return process.run(["debugfs", *options, "-R", request, where], timeout_s=_TOOL_TIMEOUT_S)
