"""Partition tables and file system signatures, as sfdisk and blkid report them."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import shlex

from ... import errors
from ...host import process

_TOOL_TIMEOUT_S = 60.0
_CONVERT = "convert it with qemu-img convert -O qcow2"
# What libblkid says of a partition that it knows nothing about.
_BLKID_NOTHING = 2
# MBR type of the one partition that covers a disk with a GPT.
_PROTECTIVE = "ee"
# Bit of a GPT entry that keeps systemd-gpt-auto-generator(8) from mounting it.
_NOT_AUTOMATIC = "63"
_GPT_SIGNATURE = b"EFI PART"
# What begins with these is no disk that can be read as it is; where the signature stands.
_NO_RAW_DISK = (
    (0, b"KDMV", "a VMDK disk", _CONVERT),
    (0, b"# Disk DescriptorFile", "the description of a VMDK disk", _CONVERT),
    (0, b"vhdxfile", "a VHDX disk", _CONVERT),
    (0, b"conectix", "a VHD disk", _CONVERT),
    (64, b"\x7f\x10\xda\xbe", "a VDI disk", _CONVERT),
    (0, b"QED\0", "a QED disk", _CONVERT),
    (0, b"\x1f\x8b", "packed with gzip", "unpack it with gunzip"),
    (0, b"\xfd7zXZ\0", "packed with xz", "unpack it with unxz"),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it with unzstd"),
    (0, b"BZh", "packed with bzip2", "unpack it with bunzip2"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it with unzip"),
    (257, b"ustar", "a tar archive", "unpack it with tar, and give the disk image in it"),
    (0, b"hsqs", "a SquashFS file system", "give a cloud image in qcow2 or raw format"),
    (0x8001, b"CD001", "an installation medium", "give a cloud image in qcow2 or raw format"),
)


@dataclasses.dataclass(frozen=True)
class Filesystem:
    """A file system, or whatever else carries a signature.

    Attributes:
        kind: Type as blkid names it, such as ``ext4``, ``vfat``, ``xfs`` or ``LVM2_member``.
        uuid: Its UUID.
        label: Its label; empty if it has none.
    """

    kind: str
    uuid: str
    label: str


@dataclasses.dataclass(frozen=True)
class Partition:
    """A partition of an image.

    Attributes:
        number: Number in the table, from 1.
        start: First byte.
        size: Length in bytes.
        type_code: GPT type GUID in capitals, or hexadecimal MBR type.
        uuid: Unique identifier of the partition in small letters, as ``PARTUUID=`` has it.
        filesystem: What is on it; ``None`` for no known signature.
        name: Its name in a GPT, as ``PARTLABEL=`` has it; empty if it has none.
        automatic: Whether systemd may mount it by its type alone.
    """

    number: int
    start: int
    size: int
    type_code: str
    uuid: str
    filesystem: Filesystem | None
    name: str = ""
    automatic: bool = True

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.start + self.size


@dataclasses.dataclass(frozen=True)
class Table:
    """A partition table.

    Attributes:
        kind: ``gpt`` or ``dos``.
        sector_size: Bytes per sector.
        partitions: The partitions in the order of the table.
    """

    kind: str
    sector_size: int
    partitions: tuple[Partition, ...]


def read(raw: pathlib.Path) -> Table:
    """Read the partition table of a raw image.

    Raises:
        errors.ImageError: There is none, or partitions reach past the end of the image.
    """
    completed = process.run(["sfdisk", "--json", raw], timeout_s=_TOOL_TIMEOUT_S, check=False)
    if completed.returncode != 0:
        raise _explain(raw, completed.tail)
    table = json.loads(completed.stdout)["partitiontable"]
    sector = int(table.get("sectorsize", 512))
    # Where the GPT cannot be used, sfdisk shows the placeholder that protects it from old tools.
    if any(entry["type"] == _PROTECTIVE for entry in table.get("partitions", ())):
        if _has_large_sectors(raw):
            raise errors.ImageError(
                "the disk of the image has sectors of 4096 bytes, and machines of Nova have 512",
                hint="give an image that was made for sectors of 512 bytes",
            )
        raise errors.ImageError(
            "the image's partition table contradicts its size",
            hint="the image is truncated; fetch it again",
        )
    partitions = tuple(
        _partition(raw, entry, sector, str(table["label"]))
        for entry in table.get("partitions", ())
    )
    length = raw.stat().st_size
    for one in partitions:
        if one.end > length:
            raise errors.ImageError(
                f"partition {one.number} ends at byte {one.end}, but the image has only "
                f"{length} bytes",
                hint="the image is truncated; fetch it again",
            )
    return Table(kind=str(table["label"]), sector_size=sector, partitions=partitions)


def _has_large_sectors(raw: pathlib.Path) -> bool:
    """Tell whether a GPT begins in the second sector of 4096 bytes."""
    with raw.open("rb") as disk:
        disk.seek(4096)
        return disk.read(len(_GPT_SIGNATURE)) == _GPT_SIGNATURE


def _explain(raw: pathlib.Path, details: tuple[str, ...]) -> errors.ImageError:
    """Say what a file is in which no partition table is found."""
    with raw.open("rb") as disk:
        head = disk.read(_NO_RAW_DISK[-1][0] + 64)
    for place, signature, what, hint in _NO_RAW_DISK:
        if head[place : place + len(signature)] == signature:
            return errors.ImageError(f"the image is {what}", hint=hint, details=details)
    return errors.ImageError(
        "the image has no partition table",
        hint="give a cloud image in qcow2 or raw format",
        details=details,
    )


def _partition(
    raw: pathlib.Path, entry: dict[str, str | int], sector: int, table_kind: str
) -> Partition:
    """Describe one entry of sfdisk's list."""
    node = str(entry["node"])
    number = int(node.removeprefix(str(raw)).lstrip("p"))
    start, size = int(entry["start"]) * sector, int(entry["size"]) * sector
    uuid = str(entry.get("uuid", "")).lower()
    return Partition(
        number=number,
        start=start,
        size=size,
        type_code=str(entry["type"]).upper() if table_kind == "gpt" else str(entry["type"]),
        uuid=uuid,
        filesystem=probe(raw, start, size),
        name=str(entry.get("name", "")),
        automatic=_NOT_AUTOMATIC not in re.split("[ :,]", str(entry.get("attrs", ""))),
    )


def probe(raw: pathlib.Path, start: int, size: int) -> Filesystem | None:
    """Tell what is on a range of bytes of a raw image."""
    completed = process.run(
        ["blkid", "-p", "-O", str(start), "-S", str(size), "-o", "export", raw],
        timeout_s=_TOOL_TIMEOUT_S,
        check=False,
    )
    if completed.returncode == _BLKID_NOTHING:
        return None
    if completed.returncode != 0:
        raise errors.ImageError(
            f"the partition at byte {start} cannot be read", details=completed.tail
        )
    # The file's own name is there as it is, the others are quoted.
    lines = [line for line in completed.stdout.splitlines() if not line.startswith("DEVNAME=")]
    values = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    if "TYPE" not in values:
        return None
    return Filesystem(values["TYPE"], values.get("UUID", ""), values.get("LABEL", ""))
