"""The disk in an image: its partition table, its file systems, and the room on both."""

from __future__ import annotations

import itertools
import pathlib
import struct
import zlib

from ... import model
from ...building.disk import ext4, partitions, superblock
from ...host import process
from ...model import findings
from .. import subject

_CHECK_TIMEOUT_S = 300.0
# e2fsck of an older release says so of a file system of a newer one, such as the orphan_file that
# Ubuntu 24.04 has (FEATURE_C12 to 22.04): it has looked at nothing then.
_UNKNOWN_FEATURES = "has unsupported feature(s)"
# UEFI specification 2.10, 5.3.2: signature, revision, header size, CRC32, reserved, own and other
# LBA, first and last usable LBA, GUID, LBA, count, size and CRC32 of the entries.
_GPT_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_GPT_SIGNATURE = b"EFI PART"
_GPT_CRC_AT = slice(16, 20)
# More entries than that no tool makes.
_MAX_ENTRIES = 16 * model.MIB
_BOOT_SIGNATURE = b"\x55\xaa"
# Microsoft's FAT specification: a bit of this byte says "not unmounted", by the width of FAT.
_FAT_STATE_AT = {b"FAT12": 0x25, b"FAT16": 0x25, b"FAT32": 0x41}


def partition_table() -> subject.Check:
    """The table is whole, nothing overlaps, and the root partition can grow with the disk."""
    return subject.Check("partition table", _partition_table)


def _partition_table(image: subject.Subject) -> findings.Verdict:
    table, root = image.layout.table, image.layout.root.partition
    ordered = sorted(table.partitions, key=lambda one: one.start)
    for one, following in itertools.pairwise(ordered):
        # An extended partition of an MBR holds the logical ones.
        if one.end > following.start and table.kind == "gpt":
            return findings.failed(f"partitions {one.number} and {following.number} overlap")
    if table.kind == "gpt":
        fault = gpt_fault(image.raw, table.sector_size)
        if fault:
            return findings.failed(fault)
    if ordered[-1].start > root.start:
        return findings.failed(
            f"partition {ordered[-1].number} follows the root partition {root.number},"
            " so this cannot grow with the disk of a flavor"
        )
    headers = ", both headers correct" if table.kind == "gpt" else ""
    return findings.passed(
        f"{table.kind} with {len(ordered)} partitions{headers}; root is {root.number}, the last"
    )


def gpt_fault(raw: pathlib.Path, sector: int) -> str:
    """Say what is wrong with the two copies of a GPT; nothing if they are right.

    Args:
        raw: A raw disk.
        sector: Bytes of its sectors.
    """
    last = raw.stat().st_size // sector - 1
    with raw.open("rb") as disk:
        for name, own, other in (("primary", 1, last), ("backup", last, 1)):
            disk.seek(own * sector)
            header = disk.read(sector)
            fields = _GPT_HEADER.unpack_from(header)
            signature, _, size, crc, _, here, there, *_ = fields
            if signature != _GPT_SIGNATURE:
                return f"the {name} GPT header is missing (sector {own})"
            if not _GPT_HEADER.size <= size <= sector or crc != _header_crc(header[:size]):
                return f"the {name} GPT header is damaged (sector {own})"
            if (here, there) != (own, other):
                return (
                    f"the {name} GPT header has sector {there} for the other header, not {other}"
                )
            first, count, width, entries_crc = fields[-4:]
            if count * width > _MAX_ENTRIES:
                return f"the {name} GPT header has a wrong table: {count} entries of {width} bytes"
            disk.seek(first * sector)
            if zlib.crc32(disk.read(count * width)) != entries_crc:
                return f"the {name} GPT's entries are damaged (sector {first})"
    return ""


def _header_crc(header: bytes) -> int:
    blank = bytearray(header)
    blank[_GPT_CRC_AT] = bytes(4)
    return zlib.crc32(blank)


def file_systems() -> subject.Check:
    """Every file system was unmounted cleanly and is consistent."""
    return subject.Check("file systems", _file_systems)


def _file_systems(image: subject.Subject) -> findings.Verdict:
    seen = []
    for one in image.layout.table.partitions:
        if one.filesystem is None:
            continue
        kind = one.filesystem.kind
        if kind in ext4.KINDS:
            fault = ext4_fault(image.raw, one)
        elif kind == "vfat":
            fault = fat_fault(_first_sector(image.raw, one))
        else:
            # It was read whole, by a kernel, when the image was opened.
            fault = ""
        if fault:
            return findings.failed(f"partition {one.number} ({kind}): {fault}")
        seen.append(f"{one.number} {kind}")
    return findings.passed(f"clean: {', '.join(seen)}")


def ext4_fault(raw: pathlib.Path, partition: partitions.Partition) -> str:
    """Say what is wrong with an ext4 file system; nothing if it is right."""
    values = superblock.read(raw, partition.start).values
    if "needs_recovery" in values["Filesystem features"].split():
        return "it was not unmounted: its journal needs recovery"
    if values["Filesystem state"] != "clean":
        return f"its state is {values['Filesystem state']!r}, not clean"
    completed = process.run(
        ["e2fsck", "-f", "-n", superblock.at(raw, partition.start)],
        timeout_s=_CHECK_TIMEOUT_S,
        check=False,
    )
    if completed.returncode == 0 or any(_UNKNOWN_FEATURES in line for line in completed.tail):
        return ""
    return "e2fsck finds: " + next(
        (
            line
            for line in completed.stdout.splitlines()
            if line.strip() and not line.startswith(("Pass ", "e2fsck "))
        ),
        f"status {completed.returncode}",
    )


def _first_sector(raw: pathlib.Path, partition: partitions.Partition) -> bytes:
    with raw.open("rb") as disk:
        disk.seek(partition.start)
        return disk.read(512)


def fat_fault(sector: bytes) -> str:
    """Say what is wrong with a FAT file system, by its first sector; nothing if it is right."""
    if sector[510:512] != _BOOT_SIGNATURE:
        return "its first sector is damaged"
    kinds = [kind for kind in _FAT_STATE_AT if kind in (sector[0x36:0x3B], sector[0x52:0x57])]
    if kinds and sector[_FAT_STATE_AT[kinds[0]]] & 1:
        return "it was not unmounted"
    return ""


def size() -> subject.Check:
    """The disk fits into the one that a flavor gives."""
    return subject.Check("size", _size)


def _size(image: subject.Subject) -> findings.Verdict:
    virtual, stored = image.raw.stat().st_size, image.image.stat().st_size
    text = f"a disk of {_gib(virtual)} for a flavor's {_gib(image.expected.flavor_disk)}"
    if virtual > image.expected.flavor_disk:
        return findings.failed(f"{text}: no machine can start from it")
    return findings.passed(f"{text}, {stored // model.MIB} MiB stored")


def _gib(size_in_bytes: int) -> str:
    return f"{size_in_bytes / model.GIB:.2f} GiB"


def free_space(*, mebibytes: int, inodes: int) -> subject.Check:
    """The root file system has room for what a first boot writes."""

    def look(image: subject.Subject) -> findings.Verdict:
        root = image.layout.root
        if root.filesystem.kind not in ext4.KINDS:
            return findings.not_applicable(
                f"the free space on {root.filesystem.kind} is not known"
            )
        values = superblock.read(image.raw, root.partition.start)
        free = values.number("Free blocks") * values.number("Block size") // model.MIB
        left = values.number("Free inodes")
        text = f"{free} MiB and {left} inodes are free on the root file system"
        if free < mebibytes or left < inodes:
            return findings.failed(f"{text}: less than {mebibytes} MiB and {inodes} inodes")
        return findings.passed(text)

    return subject.Check("free space", look)
