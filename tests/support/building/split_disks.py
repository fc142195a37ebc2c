"""A bootable disk whose system lies on many file systems, made of one that has it on few."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
from collections.abc import Sequence

from retrofit.building.disk import guestfs_path, layout, tree
from retrofit.host import process
from retrofit.host.sandbox import workshop

from ..base_images import base_images

_GROUP = "site"
_LVM = "E6D6D379-F507-44C2-A23C-238F2A3DF928"
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
# Numbers up to here are free on a disk in the layout of Ubuntu's noble, and 1 is the root.
_FIRST = 2
_MKFS_TIMEOUT_S = 300.0
_TAR_TIMEOUT_S = 600.0


@dataclasses.dataclass(frozen=True)
class Part:
    """A file system that is to be apart.

    Attributes:
        mount_point: Where it is mounted.
        mebibytes: Its size.
        device: Its name in fstab; empty for its label.
        logical: Whether it is to be on a logical volume.
    """

    mount_point: str
    mebibytes: int
    device: str = ""
    logical: bool = False

    @property
    def label(self) -> str:
        """Its label."""
        return self.mount_point.strip("/").replace("/", "-")


def split(base: pathlib.Path, raw: pathlib.Path, parts: Sequence[Part]) -> None:
    """Write a disk like a base image, with some of its directories on file systems of their own.

    Args:
        base: A qcow2 whose root file system is in its last partition.
        raw: The disk to write.
        parts: The file systems that it gets more.
    """
    convert = ["qemu-img", "convert", "-O", "raw", base, raw]
    subprocess.run(convert, check=True)
    starts = _make_partitions(raw, parts)
    with workshop.work_directory(raw.parent) as work:
        inside = raw.rename(work / "disk.raw")
        workshop.adopt(inside)
        workshop.run(work, lambda _: _move(work, inside, parts, starts), base_images.Silent())
        inside.rename(raw)


def _make_partitions(raw: pathlib.Path, parts: Sequence[Part]) -> dict[str, int]:
    """Put partitions in front of the root's; return where they start, in bytes."""
    dump = subprocess.run(["sfdisk", "--json", raw], check=True, capture_output=True, text=True)
    old = json.loads(dump.stdout)["partitiontable"]["partitions"]
    root = max(old, key=lambda one: int(one["start"]))
    moved = raw.with_suffix(".root")
    _copy(raw, moved, skip=root["start"], count=root["size"])
    lines = ["label: gpt"]
    for one in old:
        if one is not root:
            number = one["node"].removeprefix(str(raw))
            lines.append(_line(number, one["start"], one["size"], one["type"], one["uuid"]))
    start, starts = root["start"], {}
    plain = [one for one in parts if not one.logical]
    for number, one in enumerate(plain, start=_FIRST):
        starts[one.mount_point] = start * 512
        size = one.mebibytes * 2048
        lines.append(_line(number, start, size, _LINUX, name=f"part {one.label}"))
        start += size
    logical = sum(one.mebibytes + 8 for one in parts if one.logical)
    if logical:
        size = (logical + 8) * 2048
        lines.append(_line(_FIRST + len(plain), start, size, _LVM))
        start += size
    lines.append(_line(1, start, root["size"], root["type"], root["uuid"]))
    boot_code = _head(raw)
    with raw.open("r+b") as disk:
        # Nothing of the root file system stays where it was.
        disk.truncate(root["start"] * 512)
        disk.truncate((start + root["size"] + 2048) * 512)
    table = "\n".join(lines) + "\n"
    subprocess.run(["sfdisk", "--quiet", "--wipe=never", raw], input=table, text=True, check=True)
    with raw.open("r+b") as disk:
        disk.write(boot_code)
    _copy(moved, raw, seek=start, count=root["size"])
    moved.unlink()
    return starts


def _head(raw: pathlib.Path) -> bytes:
    with raw.open("rb") as disk:
        return disk.read(440)


def _line(
    number: int | str, start: int, size: int, kind: str, uuid: str = "", name: str = ""
) -> str:
    words = [f"start={start}", f"size={size}", f"type={kind}"]
    words += [f"uuid={uuid}"] * bool(uuid) + [f'name="{name}"'] * bool(name)
    return f"{number}: {', '.join(words)}"


def _copy(
    source: pathlib.Path, target: pathlib.Path, *, count: int, skip: int = 0, seek: int = 0
) -> None:
    words = [f"skip={skip * 512}", f"seek={seek * 512}", f"count={count * 512}"]
    flags = ["iflag=skip_bytes,count_bytes", "oflag=seek_bytes", "conv=sparse,notrunc"]
    command = ["dd", f"if={source}", f"of={target}", "bs=1M", *words, *flags, "status=none"]
    subprocess.run(command, check=True)


def _move(
    work: pathlib.Path, raw: pathlib.Path, parts: Sequence[Part], starts: dict[str, int]
) -> None:
    """Move directories of the root file system into file systems of their own."""
    found = layout.read(raw, work)
    with tree.open_tree(raw, found, work) as opened:
        # From the deepest, as each takes all that is left below it.
        for one in sorted(parts, key=lambda one: one.mount_point, reverse=True):
            content = opened.path / one.mount_point.lstrip("/")
            content.mkdir(exist_ok=True, parents=True)
            if one.logical:
                archive = work / f"{one.label}.tar"
                tar = ["tar", "--numeric-owner", "--xattrs", "-cf", archive, "-C", content, "."]
                process.run(tar, timeout_s=_TAR_TIMEOUT_S)
            else:
                _fill(raw, starts[one.mount_point], one, content)
            for entry in content.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else (
                    entry.unlink()
                )
        with (opened.path / "etc/fstab").open("a") as fstab:
            for one in parts:
                usual = f"/dev/{_GROUP}/{one.label}" if one.logical else f"LABEL={one.label}"
                fstab.write(f"{one.device or usual} {one.mount_point} ext4 defaults 0 2\n")
        opened.write_back()
    logical = [one for one in parts if one.logical]
    if logical:
        _make_logical(work, raw, logical, _FIRST + len(parts) - len(logical))


def _fill(raw: pathlib.Path, start: int, one: Part, content: pathlib.Path) -> None:
    options = ["-q", "-t", "ext4", "-L", one.label, "-d", content, "-E", f"offset={start}"]
    process.run(["mke2fs", *options, raw, f"{one.mebibytes}M"], timeout_s=_MKFS_TIMEOUT_S)


def _make_logical(
    work: pathlib.Path, raw: pathlib.Path, parts: Sequence[Part], number: int
) -> None:
    """Make a volume group in a partition, and in it a volume for each of some file systems."""
    partition = f"/dev/disk/guestfs/image{number}"
    with guestfs_path._appliance(raw, work, readonly=False) as appliance:
        appliance.pvcreate(partition)
        appliance.vgcreate(_GROUP, [partition])
        for one in parts:
            device = f"/dev/{_GROUP}/{one.label}"
            appliance.lvcreate(one.label, _GROUP, one.mebibytes)
            appliance.mkfs("ext4", device, label=one.label)
            appliance.mount(device, "/")
            archive = work / f"{one.label}.tar"
            appliance.tar_in(str(archive), "/", xattrs=True)
            appliance.umount("/")
            archive.unlink()
