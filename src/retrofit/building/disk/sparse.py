"""Copies sparse files range by range."""

from __future__ import annotations

import errno
import os
import pathlib
from collections.abc import Iterator, Sequence


def copy(source: pathlib.Path, target: pathlib.Path, holes: Sequence[tuple[int, int]]) -> None:
    """Copy a file, holes as holes.

    Args:
        source: The file.
        target: The file to make, of the same length.
        holes: Further ranges of bytes, first and end, that become holes in the copy.
    """
    length = source.stat().st_size
    edges = [0, *(edge for hole in sorted(holes) for edge in hole), length]
    with source.open("rb") as reader, target.open("wb") as writer:
        writer.truncate(length)
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            for start, stop in _data(reader.fileno(), first, end):
                _copy_range(reader.fileno(), writer.fileno(), start, stop, shift=0)


def copy_into(source: pathlib.Path, target: pathlib.Path, offset: int) -> None:
    """Copy the data of a sparse file to a byte offset of another file; holes are left alone."""
    with source.open("rb") as reader, target.open("r+b") as writer:
        for start, stop in _data(reader.fileno(), 0, source.stat().st_size):
            _copy_range(reader.fileno(), writer.fileno(), start, stop, shift=offset)


def copy_out(source: pathlib.Path, target: pathlib.Path, first: int, end: int) -> None:
    """Copy a range of bytes of a sparse file to a new file, holes as holes."""
    with source.open("rb") as reader, target.open("xb") as writer:
        writer.truncate(end - first)
        for start, stop in _data(reader.fileno(), first, end):
            _copy_range(reader.fileno(), writer.fileno(), start, stop, shift=-first)


def _data(descriptor: int, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges between two bytes of a file that are no holes."""
    position = first
    while position < end:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        position = min(end, os.lseek(descriptor, start, os.SEEK_HOLE))
        if start < end:
            yield start, position


def _copy_range(source: int, target: int, first: int, end: int, *, shift: int) -> None:
    """Copy bytes to another file, ``shift`` bytes further on."""
    os.lseek(target, first + shift, os.SEEK_SET)
    while first < end:
        # copy_file_range refuses to copy from one kind of file system to another.
        copied = os.sendfile(target, source, first, end - first)
        if copied == 0:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        first += copied
