"""Has an ext4 that is made of the same files be the same, bit for bit, whenever and wherever.

``mke2fs -d`` takes files in the order in which a directory gives them, which is another one on
every disk, and keeps when each was last read and changed here (e2fsprogs 1.47.0). What sorts
directories does not give out access control lists, so extended attributes come later.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator

from ... import errors
from ...host import process, trees
from . import inodes, superblock

# Has mke2fs leave extended attributes to :func:`finish`.
EXTENDED = ",no_copy_xattrs"
_SORTER = "disorderfs"
_TOOL_TIMEOUT_S = 600.0
# Of an inode: last read, last changed, made. When its content changed is the file's own.
_FIELDS = ("atime", "ctime", "crtime")
# With this debugfs introduces itself, on standard error. All else there are complaints, though it
# ends with status 0.
_BANNER = "debugfs "
# What of names debugfs takes for nothing else; what is no UTF-8 cannot be told to it.
_PATH = re.compile("[^\\0\n\udc80-\udcff]*")
_ATTRIBUTE = re.compile("[A-Za-z0-9_.:@+-]+")


def check() -> None:
    """Find what sorts directories, before anything is made that needs it.

    Raises:
        errors.ToolMissing: It is not installed.
    """
    process.find(_SORTER)


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
    words = [_SORTER, "--quiet", "--multi-user=no", "--sort-dirents=yes"]
    process.run([*words, tree.resolve(), at.resolve()], timeout_s=_TOOL_TIMEOUT_S)
    try:
        yield
    finally:
        process.run(["umount", at], timeout_s=_TOOL_TIMEOUT_S)


def finish(raw: pathlib.Path, offset: int, tree: pathlib.Path, moment: int) -> None:
    """Give an unmounted file system the attributes of its files, and one time to all inodes.

    Args:
        raw: The image, changed in place.
        offset: Byte at which the file system begins.
        tree: The files that are in it.
        moment: When all inodes are to say that they were made, in seconds since 1970.

    Raises:
        errors.OutputError: An attribute or a time cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix="attributes-") as values:
        requests = [*_attributes(tree, pathlib.Path(values))]
        requests += [
            f"set_inode_field <{number}> {field} @{moment}\n"
            for number in inodes.used(raw, offset)
            for field in _FIELDS
        ]
        completed = process.run(
            ["debugfs", "-w", "-f", "/dev/stdin", superblock.at(raw, offset)],
            timeout_s=_TOOL_TIMEOUT_S,
            extra_environment=clock(moment),
            text_input="".join(requests),
            confidential=True,
        )
    if complaints := [line for line in completed.tail if not line.startswith(_BANNER)]:
        raise errors.OutputError(
            f"the file system at byte {offset} cannot be finished: {complaints[0]}",
            details=completed.tail,
        )


def _attributes(tree: pathlib.Path, values: pathlib.Path) -> Iterator[str]:
    """Yield a request for each extended attribute of a file in a tree, sorted."""
    found = [("", tree), *((path, pathlib.Path(entry)) for path, entry in trees.walk(tree))]
    pairs = (
        (path, file, name)
        for path, file in found
        for name in sorted(os.listxattr(file, follow_symlinks=False))
    )
    for number, (path, file, name) in enumerate(pairs):
        # Both are the image's: nothing in them is to be a request of its own.
        if not _PATH.fullmatch(path) or not _ATTRIBUTE.fullmatch(name):
            raise errors.OutputError(
                f"/{path!r} has the attribute {name!r}, and one of them is no name for debugfs",
                hint="remove the attribute in the base image",
            )
        value = values / str(number)
        value.write_bytes(os.getxattr(file, name, follow_symlinks=False))
        quoted = path.replace('"', '""')
        yield f'ea_set -f {process.plain(value)} "/{quoted}" {name}\n'
