"""The first thing in which two disks differ, by what a person would look for: a file, a byte."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import stat
from collections.abc import Iterator

from ...host import files, rootfs, tables, trees
from . import layout, partitions, tree

_PIECE = 1024 * 1024
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def first(one: pathlib.Path, other: pathlib.Path, work: pathlib.Path) -> str:
    """Name the first difference of two raw images, as the end of a sentence about them.

    Args:
        one: An image; neither is changed but for what repairing its file systems takes.
        other: The other one.
        work: Directory for their files.

    Returns:
        Partitions first, then files by their paths, then bytes; empty if there is no difference.

    Raises:
        errors.ImageError: A file system is damaged.
    """
    offset = _first_byte(one, other)
    if offset is None:
        return ""
    parts, others = (partitions.read(each).partitions for each in (one, other))
    if parts != others:
        return "their partitions differ"
    with _opened(one, work / "one") as first, _opened(other, work / "other") as second:
        found = next(_of_trees(first, second), "")
    if found:
        # Names and targets are the images'.
        return tables.printable(found)
    inside = [part for part in parts if part.start <= offset < part.end]
    where = f"in partition {inside[0].number}" if inside else "outside of all partitions"
    return f"all files are the same, and byte {offset} of the disk, {where}, differs"


@contextlib.contextmanager
def _opened(raw: pathlib.Path, place: pathlib.Path) -> Iterator[pathlib.Path]:
    place.mkdir()
    about = layout.read(raw, place)
    with tree.open_tree(raw, about, place) as opened:
        if about.esp is not None:
            # The uppermost directory of a FAT has no time of its own.
            os.utime(rootfs.resolve(opened.path, about.esp.mount_point), (0, 0))
        yield opened.path


def _first_byte(one: pathlib.Path, other: pathlib.Path) -> int | None:
    """Return where two files differ first; ``None`` if they do not."""
    at = 0
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            pieces = left.read(_PIECE), right.read(_PIECE)
            if pieces[0] != pieces[1]:
                same = itertools.takewhile(
                    lambda pair: pair[0] == pair[1], zip(*pieces, strict=False)
                )
                return at + sum(1 for _ in same)
            if not pieces[0]:
                return None
            at += len(pieces[0])


def _of_trees(one: pathlib.Path, other: pathlib.Path) -> Iterator[str]:
    """Yield the differences of two trees, sorted by path."""
    left, right = ({path for path, _ in trees.walk(each)} for each in (one, other))
    for path in sorted(left | right):
        if path not in right:
            yield f"/{path} is in the first alone"
        elif path not in left:
            yield f"/{path} is in the second alone"
        elif what := _of_files(one / path, other / path):
            yield f"/{path} differs in its {what}"


def _of_files(one: pathlib.Path, other: pathlib.Path) -> str:
    """Return in what two files differ first; empty if in nothing."""
    left, right = one.lstat(), other.lstat()
    kinds = [_KINDS.get(stat.S_IFMT(each.st_mode), "kind") for each in (left, right)]
    if kinds[0] != kinds[1]:
        return f"kind: {kinds[0]} and {kinds[1]}"
    if kinds[0] == "link" and os.readlink(one) != os.readlink(other):
        return f"target: {os.readlink(one)} and {os.readlink(other)}"
    if kinds[0] == "file" and (
        left.st_size != right.st_size
        or files.digest(one, "sha256") != files.digest(other, "sha256")
    ):
        return "content"
    if left.st_mode != right.st_mode:
        return f"mode: {left.st_mode & 0o7777:04o} and {right.st_mode & 0o7777:04o}"
    if (left.st_uid, left.st_gid) != (right.st_uid, right.st_gid):
        return f"owner: {left.st_uid}:{left.st_gid} and {right.st_uid}:{right.st_gid}"
    if _attributes(one) != _attributes(other):
        return "extended attributes"
    if int(left.st_mtime) != int(right.st_mtime):
        return f"time: {int(left.st_mtime)} and {int(right.st_mtime)}"
    return ""


def _attributes(file: pathlib.Path) -> dict[str, bytes]:
    return {
        name: os.getxattr(file, name, follow_symlinks=False)
        for name in os.listxattr(file, follow_symlinks=False)
    }
