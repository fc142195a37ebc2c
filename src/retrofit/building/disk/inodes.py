"""The inodes of an ext4 that ``debugfs rdump`` does not give out whole.

It copies content, owners, permissions and times, as fast as the disk is. What it leaves out is
found here, in the inode tables (https://docs.kernel.org/filesystems/ext4/inodes.html): the bits
setuid, setgid and sticky, extended attributes, access control lists among them, further names of a
file, owners and times of links, pipes and sockets.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import stat
import struct
from collections.abc import Iterator, Sequence

from ... import errors
from ...host import process, rootfs
from ...host.sandbox import identity
from . import superblock

_TOOL_TIMEOUT_S = 120.0
_INODE_TABLE = re.compile(r"inode table at (\d+)")
_ATTRIBUTE = re.compile(r"^  (\S+) \(\d+\)", re.MULTILINE)
# Labels are the kernel's of the machine that makes files: no workshop may write them, and most
# inodes of a system with SELinux have nothing else.
_LABEL = "security.selinux"
# How many inodes are named in one request, whose length has a limit.
_AT_ONCE = 10_000

# struct ext4_inode: mode, user, time of change, group, number of names, where the block of
# extended attributes is named, upper halves of the ids; then how long the fixed part is, which
# attributes may follow.
_INODE = struct.Struct("<HH12xi4xHH76xI10xHHH4x")
_EXTRA_SIZE = struct.Struct("<H")
_MAGIC = struct.Struct("<I")
_IN_INODE_MAGIC = 0xEA020000
_SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclasses.dataclass(frozen=True)
class Inode:
    """An inode with more to it than content, owner, permissions and time.

    Attributes:
        mode: Kind and permissions, as in ``st_mode``.
        owner: User and group.
        modified: Seconds since 1970.
        paths: All its names, relative to the root of its file system.
        attributes: Its extended attributes, access control lists as the kernel takes them.
    """

    mode: int
    owner: tuple[int, int]
    modified: int
    paths: tuple[str, ...]
    attributes: tuple[tuple[str, bytes], ...]

    @property
    def is_device(self) -> bool:
        """Whether it is a device node, which nobody can make in a workshop."""
        return stat.S_ISCHR(self.mode) or stat.S_ISBLK(self.mode)

    def restore(self, tree: pathlib.Path) -> None:
        """Give the copy of its file in a tree what the copy lacks; a device node stays away."""
        if self.is_device:
            return
        # The image gives the paths, and whether there are links on their way.
        first, *others = (rootfs.resolve(tree, path, follow_last=False) for path in self.paths)
        if stat.S_ISFIFO(self.mode) or stat.S_ISSOCK(self.mode):
            os.mknod(first, self.mode)
        for other in others:
            other.unlink(missing_ok=True)
            os.link(first, other, follow_symlinks=False)
        if not (stat.S_ISREG(self.mode) or stat.S_ISDIR(self.mode)):
            os.chown(first, *self.owner, follow_symlinks=False)
            os.utime(first, (self.modified, self.modified), follow_symlinks=False)
        if not stat.S_ISLNK(self.mode):
            # After the owner: who changes that takes setuid and setgid away.
            first.chmod(stat.S_IMODE(self.mode))
        for name, value in self.attributes:
            os.setxattr(first, name, value, follow_symlinks=False)


@dataclasses.dataclass(frozen=True)
class _Found:
    number: int
    mode: int
    owner: tuple[int, int]
    modified: int
    has_attributes: bool


def special(raw: pathlib.Path, offset: int, work: pathlib.Path) -> tuple[Inode, ...]:
    """Return the inodes of an unmounted file system that are not copied whole.

    Args:
        raw: The image.
        offset: Byte at which the file system begins.
        work: Directory for temporary files.

    Raises:
        errors.ImageError: A file belongs to somebody whom a workshop does not have.
    """
    where = superblock.at(raw, offset)
    found = list(_special(raw, offset, where))
    paths = _paths(where, [one.number for one in found])
    # One without a name is none: a table that was never used may hold anything.
    named = [one for one in found if one.number in paths]
    for one in named:
        if max(one.owner) >= identity.IDS:
            # debugfs would give it to another one, whose number has the same lower half.
            raise errors.ImageError(
                f"/{paths[one.number][0]} belongs to user {one.owner[0]} and group {one.owner[1]},"
                f" but the highest id that is supported is {identity.IDS - 1}",
                hint="change the owner in the base image",
            )
    bearing = [one.number for one in named if one.has_attributes]
    attributes = _attributes(where, bearing, work)
    return tuple(
        Inode(
            mode=one.mode,
            owner=one.owner,
            modified=one.modified,
            paths=paths[one.number],
            attributes=attributes.get(one.number, ()),
        )
        for one in named
    )


def used(raw: pathlib.Path, offset: int) -> Iterator[int]:
    """Yield the numbers of an unmounted file system's inodes that have a name."""
    for number, fixed, _ in _tables(raw, offset, superblock.at(raw, offset)):
        mode, _, _, _, links, *_ = _INODE.unpack(fixed)
        if mode and links:
            yield number


def _special(raw: pathlib.Path, offset: int, where: str) -> Iterator[_Found]:
    """Look for those inodes in all tables."""
    for number, fixed, rest in _tables(raw, offset, where):
        mode, user, modified, group_id, links, low, high, *upper = _INODE.unpack(fixed)
        if not mode or not links:
            continue
        attributes = bool(low or high) or _holds_attributes(rest)
        linked = links > 1 and not stat.S_ISDIR(mode)
        plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        owner = (user | upper[0] << 16, group_id | upper[1] << 16)
        strange = max(owner) >= identity.IDS
        if attributes or linked or not plain or strange or mode & _SPECIAL_BITS:
            yield _Found(number, mode, owner, modified, attributes)


def _tables(raw: pathlib.Path, offset: int, where: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield all inodes: number, the first 128 bytes, and what comes behind them."""
    values = superblock.read(raw, offset)
    block_size = values.number("Block size")
    size, per_group = values.number("Inode size"), values.number("Inodes per group")
    described = _debugfs(where, "show_super_stats").stdout
    with raw.open("rb") as stream:
        for group, block in enumerate(map(int, _INODE_TABLE.findall(described))):
            stream.seek(offset + block * block_size)
            table = stream.read(per_group * size)
            inodes = struct.Struct(f"{_INODE.size}s{size - _INODE.size}s").iter_unpack(table)
            for index, (fixed, rest) in enumerate(inodes):
                yield group * per_group + index + 1, fixed, rest


def _holds_attributes(rest: bytes) -> bool:
    """Tell whether extended attributes stand in an inode, behind its first 128 bytes."""
    if len(rest) < _EXTRA_SIZE.size:
        return False
    (extra,) = _EXTRA_SIZE.unpack_from(rest)
    if extra + _MAGIC.size > len(rest):
        return False
    return bool(_MAGIC.unpack_from(rest, extra)[0] == _IN_INODE_MAGIC)


def _paths(where: str, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Find all names of inodes."""
    paths: dict[int, tuple[str, ...]] = {}
    for begin in range(0, len(numbers), _AT_ONCE):
        wanted = " ".join(map(str, numbers[begin : begin + _AT_ONCE]))
        listed = _debugfs(where, f"ncheck {wanted}").stdout
        for line in listed.splitlines():
            number, _, path = line.partition("\t")
            if number.isdigit():
                paths[int(number)] = (*paths.get(int(number), ()), path.lstrip("/"))
    return paths


def _attributes(
    where: str, numbers: Sequence[int], work: pathlib.Path
) -> dict[int, tuple[tuple[str, bytes], ...]]:
    """Read the extended attributes of inodes."""
    value = work / "attribute"
    attributes: dict[int, tuple[tuple[str, bytes], ...]] = {}
    for number, listed in _lists(where, numbers):
        for name in _ATTRIBUTE.findall(listed):
            if name == _LABEL:
                continue
            _debugfs(where, f"ea_get -f {process.plain(value)} <{number}> {name}")
            attributes[number] = (*attributes.get(number, ()), (name, value.read_bytes()))
            value.unlink()
    return attributes


def _lists(where: str, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield the list of attributes of each inode, many of them by one run of debugfs."""
    for begin in range(0, len(numbers), _AT_ONCE):
        some = numbers[begin : begin + _AT_ONCE]
        requests = "".join(f"ea_list <{number}>\n" for number in some)
        answer = process.run(
            ["debugfs", "-f", "-", where], timeout_s=_TOOL_TIMEOUT_S, text_input=requests
        ).stdout
        # Each request is repeated in front of its answer.
        parts = re.split(r"(?m)^debugfs: ea_list <(\d+)>$", answer)
        yield from zip(map(int, parts[1::2]), parts[2::2], strict=True)


def _debugfs(where: str, request: str) -> process.Completed:
    """Run one request of debugfs."""
    return process.run(["debugfs", "-R", request, where], timeout_s=_TOOL_TIMEOUT_S)
