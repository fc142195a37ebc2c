"""Has an ext4 that is made of the same files be the same, bit for bit, whenever and wherever.

``mke2fs -d`` takes files in the order in which a directory gives them, which is another one on
every disk, and keeps when each was last read and changed here (e2fsprogs 1.47.0).
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from ...host import process
from . import inodes, superblock

_TOOL_TIMEOUT_S = 600.0
# Of an inode: last read, last changed, made. When its content changed is the file's own.
_FIELDS = ("atime", "ctime", "crtime")


def clock(moment: int | None) -> dict[str, str]:
    """Return the variable that tells e2fsprogs what time it is; none if it is the present."""
    return {} if moment is None else {"E2FSPROGS_FAKE_TIME": str(moment)}


@contextlib.contextmanager
def sorted_view(tree: pathlib.Path, at: pathlib.Path) -> Iterator[None]:
    """Show a directory at another place, where what is in each directory is sorted by name.

    Raises:
        errors.ToolMissing: disorderfs is not installed.
    """
    at.mkdir(parents=True)
    words = ["disorderfs", "--quiet", "--multi-user=no", "--sort-dirents=yes"]
    process.run([*words, tree.resolve(), at.resolve()], timeout_s=_TOOL_TIMEOUT_S)
    try:
        yield
    finally:
        process.run(["umount", at], timeout_s=_TOOL_TIMEOUT_S)


def set_all(raw: pathlib.Path, offset: int, moment: int) -> None:
    """Have all inodes of an unmounted file system say that they were made at a moment.

    Args:
        raw: The image, changed in place.
        offset: Byte at which the file system begins.
        moment: In seconds since 1970.
    """
    requests = "".join(
        f"set_inode_field <{number}> {field} @{moment}\n"
        for number in inodes.used(raw, offset)
        for field in _FIELDS
    )
    process.run(
        ["debugfs", "-w", "-f", "/dev/stdin", superblock.at(raw, offset)],
        timeout_s=_TOOL_TIMEOUT_S,
        extra_environment=clock(moment),
        text_input=requests,
        confidential=True,
    )
