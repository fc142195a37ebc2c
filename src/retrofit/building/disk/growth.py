"""Makes room on an image: a longer disk, and a root partition up to its end."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from ... import errors, model
from ...host import process
from . import layout, partitions

_TOOL_TIMEOUT_S = 60.0
# The backup of a GPT takes 33 sectors at the end of the disk; a whole MiB keeps things aligned.
_TABLE_RESERVE = model.MIB
# MBR types of a partition that holds logical ones.
_EXTENDED = ("5", "f", "85")


def grow(raw: pathlib.Path, found: layout.Layout, root_bytes: int) -> layout.Layout:
    """Give the partition that holds the root file system at least ``root_bytes``.

    The file system itself grows when the tree is opened or written back.

    Args:
        raw: The image, changed in place.
        found: What is where on it.
        root_bytes: Size the partition gets; it never shrinks.

    Returns:
        The layout with the new table.

    Raises:
        errors.ImageError: The partition is not the last one on the disk.
    """
    root = found.root.partition
    if root.size >= root_bytes:
        return found
    container = _container(found.table, root)
    others = [one for one in found.table.partitions if one != container]
    last = max(others, key=lambda one: one.end)
    if last.number != root.number:
        raise errors.ImageError(
            f"root partition {root.number} cannot grow: partition {last.number} follows it",
            hint="use a base image whose root partition is the last one",
        )
    end = -(-(root.start + root_bytes) // model.MIB) * model.MIB
    os.truncate(raw, end + _TABLE_RESERVE)
    if found.table.kind == "gpt":
        _sfdisk(["--relocate", "gpt-bak-std", raw])
    for one in (root,) if container is None else (container, root):
        sectors = (end - one.start) // found.table.sector_size
        _sfdisk(["-N", str(one.number), raw], f",{sectors}\n")

    table = partitions.read(raw)
    grown = next(one for one in table.partitions if one.number == root.number)
    if (grown.start, grown.size, grown.uuid) != (root.start, end - root.start, root.uuid):
        raise errors.ImageError(f"partition {root.number} did not grow to {root_bytes} bytes")
    volume = dataclasses.replace(found.root, partition=grown)
    return dataclasses.replace(found, table=table, root=volume)


def _container(table: partitions.Table, root: partitions.Partition) -> partitions.Partition | None:
    """Return the extended partition of an MBR that a logical one is in."""
    for one in table.partitions:
        if one.type_code in _EXTENDED and one.start <= root.start and root.end <= one.end:
            return one
    return None


def _sfdisk(arguments: list[str | pathlib.Path], script: str | None = None) -> None:
    """Change a partition table, and nothing but the table."""
    process.run(
        ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--wipe=never"]
        + ["--wipe-partitions=never", *arguments],
        timeout_s=_TOOL_TIMEOUT_S,
        text_input=script,
    )
