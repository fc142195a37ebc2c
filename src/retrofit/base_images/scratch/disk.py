"""Makes a bootable disk image of a directory, with neither kernel, loop device nor mount."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile
import uuid
from concurrent.futures import thread

from ... import errors, model
from ...building.disk import (
    esp,
    ext4,
    firmware,
    layout,
    mounts,
    partitions,
    sparse,
    superblock,
    volume,
)
from ...host import process, source_date, trees
from . import boot_loader, shape

_TOOL_TIMEOUT_S = 300.0
# Of the names that are given here: a random number.
_NAMESPACE = uuid.UUID("0e2a3c5f-6a34-4a52-9d0b-6f0c6a1d1f0a")
# Types of the UEFI specification and of the Discoverable Partitions Specification
# (https://uapi-group.org/specifications/specs/discoverable_partitions_specification/).
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_EXTENDED_BOOT = "BC13C2FF-59E6-4262-A352-B275FD6F7172"
# What a file system needs beside the files, and the little that a cloud image has free.
_ROOT_SLACK = 1.25
_XFS_MINIMUM = 320 * model.MIB
# Of a disk whose size is not known yet.
_USUAL_SIZE = 2 * model.GIB
# The partition tables at both ends of the disk, each with what keeps partitions aligned.
_TABLES = 2 * model.MIB


@dataclasses.dataclass(frozen=True)
class _Slot:
    """A partition to be made: number, size in bytes (0 for the rest) and what goes on it."""

    number: int
    size: int
    type_code: str
    mount_point: str = ""
    kind: str = ""
    label: str = ""


@dataclasses.dataclass(frozen=True)
class _Names:
    """Identifiers of all that an image consists of: the same for the same image.

    Attributes:
        identity: What tells the image from others.
    """

    identity: str

    def of(self, part: str) -> str:
        """Return the identifier of a part."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.identity} {part}"))

    def of_file_system(self, slot: _Slot) -> str:
        """Return the identifier of a file system, in the form that blkid prints it."""
        unique = self.of(f"file system {slot.number}")
        return f"{unique[:4]}-{unique[4:8]}".upper() if slot.kind == "vfat" else unique


# With the numbers of Ubuntu's images.
_PREP_SLOT = _Slot(2, 8 * model.MIB, firmware.PREP_TYPES[0])
_BIOS_SLOT = _Slot(14, 4 * model.MIB, firmware.BIOS_BOOT)
_ESP_SLOT = _Slot(15, 106 * model.MIB, firmware.ESP_TYPES[0], "/boot/efi", "vfat", "UEFI")
_BOOT_SLOT = _Slot(16, 913 * model.MIB, _EXTENDED_BOOT, "/boot", "ext4", "BOOT")
_FSTAB_OPTIONS = {
    "/": "discard,errors=remount-ro\t0\t1",
    "/boot": "defaults\t0\t2",
    "/boot/efi": "umask=0077\t0\t1",
}


def make(
    tree: pathlib.Path,
    raw: pathlib.Path,
    *,
    like: shape.Shape,
    release: model.Release,
    identity: str,
    moment: int | None,
    work: pathlib.Path,
) -> None:
    """Make a raw image that holds a tree and boots if there is a kernel and grub in it.

    Args:
        tree: The files; its ``/etc/fstab`` is written and its ``/boot`` changed.
        raw: The image to make.
        like: What the disk is to be like.
        release: What the tree holds.
        identity: What tells the image from others.
        moment: Seconds since 1970 that nothing in it is to be younger than; ``None`` for the
            present.
        work: Directory for temporary files.

    Raises:
        errors.NoSpace: The files do not fit.
        errors.ConfigError: There is no such file system.
    """
    slots = _slots(like, release.architecture)
    (tree / "etc/fstab").write_text(_fstab(slots), encoding="ascii")
    if like.size is not None:
        _check_size(like.size, tree, slots)
    names = _Names(identity)
    found = _partition(raw, slots, like.size or _fitting_size(tree, slots), release, names)

    system = work / "esp"
    system.mkdir()
    boot = work / "boot"
    if found.boot is not None:
        shutil.move(tree / "boot", boot)
    (tree / "boot").mkdir(exist_ok=True)

    # grub's tools tell a file system's own paths by its mount, so each is one as when it boots.
    merged = work / "merged"
    with contextlib.ExitStack() as stack:
        files = stack.enter_context(mounts.overlay([tree], work / "root-changes", merged))
        if found.boot is not None:
            stack.enter_context(mounts.overlay([boot], work / "boot-changes", merged / "boot"))
        if found.esp is not None:
            (merged / "boot/efi").mkdir(exist_ok=True)
        if boot_loader.has_loader(merged, release.architecture):
            boot_loader.install(merged, system, raw, found, work)
        if moment is not None:
            # A directory on which another file system stands is seen without that only.
            alone = stack.enter_context(mounts.bind(merged, work / "root"))
            for files_of in (merged, alone, system):
                source_date.clamp(files_of, moment)
        stack.enter_context(mounts.frozen(files, work / "alone"))
        _write_filesystems(work / "alone", merged / "boot", raw, found, work, moment, like.tuning)
    if found.esp is not None:
        _write_esp(found.esp, system, raw)


def check(like: shape.Shape, work: pathlib.Path) -> None:
    """Try options of mke2fs before anything is made that they are for.

    Raises:
        errors.ConfigError: They are wrong.
    """
    if like.tuning:
        any_one = partitions.Filesystem("ext4", str(_NAMESPACE), "")
        _pattern(any_one, like.size or _USUAL_SIZE, like.tuning, work)


def _slots(like: shape.Shape, architecture: str) -> tuple[_Slot, ...]:
    """Return the partitions in physical order; the root comes last, so that it can grow."""
    if architecture in firmware.WITH_OPEN_FIRMWARE:
        started_by: tuple[_Slot, ...] = (_PREP_SLOT,)
    elif architecture in firmware.WITH_BIOS:
        started_by = (_BIOS_SLOT, _ESP_SLOT)
    else:
        started_by = (_ESP_SLOT,)
    boot = (_BOOT_SLOT,) if like.layout == "noble" else ()
    label = shape.label_of(like)
    return (*started_by, *boot, _Slot(1, 0, _LINUX, "/", like.filesystem, label))


def _fstab(slots: tuple[_Slot, ...]) -> str:
    """Write fstab(5) as Ubuntu's images have it, by label."""
    lines = [
        f"LABEL={slot.label}\t{slot.mount_point}\t{slot.kind}\t{_FSTAB_OPTIONS[slot.mount_point]}\n"
        for slot in sorted(slots, key=lambda slot: slot.mount_point)
        if slot.mount_point
    ]
    return "".join(lines)


def _fitting_size(tree: pathlib.Path, slots: tuple[_Slot, ...]) -> int:
    """Choose a size that leaves the root file system nearly full."""
    root = max(int(_files_size(tree) * _ROOT_SLACK) + 64 * model.MIB, _XFS_MINIMUM)
    total = sum(slot.size for slot in slots) + root + _TABLES
    return -(-total // model.MIB) * model.MIB


def _check_size(size: int, tree: pathlib.Path, slots: tuple[_Slot, ...]) -> None:
    """Refuse a disk that has no room for the files, before anything is written on it."""
    needed = sum(slot.size for slot in slots) + _files_size(tree) + _TABLES
    if size < needed:
        raise errors.NoSpace(
            f"a disk of {size // model.MIB} MiB is too small: the base system alone needs"
            f" {-(-needed // model.MIB)} MiB",
            hint="set a larger size of the disk",
        )


def _files_size(tree: pathlib.Path) -> int:
    """Return the bytes that the files of a tree take."""
    return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for _, entry in trees.walk(tree))


def _partition(
    raw: pathlib.Path,
    slots: tuple[_Slot, ...],
    size: int,
    release: model.Release,
    names: _Names,
) -> layout.Layout:
    """Make the image file and its partition table, and choose the file systems' identifiers."""
    with raw.open("xb") as stream:
        stream.truncate(size)
    lines = ["label: gpt", f"label-id: {names.of('disk')}"]
    for slot in slots:
        extent = f"size={slot.size // 512}, " if slot.size else ""
        unique = names.of(f"partition {slot.number}")
        lines.append(f"{slot.number}: {extent}type={slot.type_code}, uuid={unique}")
    process.run(
        ["sfdisk", "--quiet", raw], timeout_s=_TOOL_TIMEOUT_S, text_input="\n".join(lines) + "\n"
    )
    table = partitions.read(raw)
    by_number = {one.number: one for one in table.partitions}
    volumes = {
        slot.mount_point: volume.Volume(
            slot.mount_point,
            by_number[slot.number],
            partitions.Filesystem(slot.kind, names.of_file_system(slot), slot.label),
        )
        for slot in slots
        if slot.mount_point
    }
    return layout.Layout(
        table=table,
        root=volumes["/"],
        boot=volumes.get("/boot"),
        esp=volumes.get("/boot/efi"),
        release=release,
    )


def _write_filesystems(
    tree: pathlib.Path,
    boot: pathlib.Path,
    raw: pathlib.Path,
    found: layout.Layout,
    work: pathlib.Path,
    moment: int | None,
    tuning: tuple[str, ...],
) -> None:
    """Make the root and boot file systems with their files."""

    def write(one: volume.Volume, files: pathlib.Path) -> None:
        if one.filesystem.kind == "xfs":
            _write_xfs(one, files, raw, work)
        else:
            options = tuning if one is found.root else ()
            pattern = _pattern(one.filesystem, one.partition.size, options, work)
            ext4.write(raw, one.partition, files, pattern, moment)

    with thread.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(write, found.root, tree)]
        if found.boot is not None:
            waiting.append(pool.submit(write, found.boot, boot))
        for done in waiting:
            done.result()


def _write_esp(found: volume.Volume, system: pathlib.Path, raw: pathlib.Path) -> None:
    """Make the EFI system partition with its files."""
    about, partition = found.filesystem, found.partition
    words = ["mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", about.label]
    words += ["-i", about.uuid.replace("-", ""), f"--offset={partition.start // 512}"]
    process.run([*words, raw, str(partition.size // 1024)], timeout_s=_TOOL_TIMEOUT_S)
    esp.write(raw, partition.start, system)


def _pattern(
    about: partitions.Filesystem, size: int, tuning: tuple[str, ...], work: pathlib.Path
) -> superblock.Parameters:
    """Return what an ext4 of a size is made with: this system's defaults, and options of mke2fs.

    Raises:
        errors.ConfigError: mke2fs does not take an option, or builds could not keep what it asks
            for.
    """
    with tempfile.NamedTemporaryFile(dir=work, prefix="pattern-") as stream:
        stream.truncate(size)
        completed = process.run(
            ["mke2fs", "-q", "-t", "ext4", "-U", about.uuid, "-E", f"hash_seed={about.uuid}"]
            + ["-L", about.label, *tuning, stream.name],
            timeout_s=_TOOL_TIMEOUT_S,
            check=False,
        )
        if completed.returncode != 0:
            raise errors.ConfigError(
                f"mke2fs does not take the options {' '.join(tuning)}: {completed.tail[-1]}",
                hint="correct the mkfs options",
                details=completed.tail,
            )
        found = superblock.read(pathlib.Path(stream.name), 0)
    if not ext4.supported(found):
        raise errors.ConfigError(
            f"no build could keep what the mkfs options {' '.join(tuning)} ask for",
            hint="leave out features that only a kernel can write",
        )
    return found


def _write_xfs(
    volume: volume.Volume, tree: pathlib.Path, raw: pathlib.Path, work: pathlib.Path
) -> None:
    """Make an XFS file system by a prototype file, which holds no extended attributes."""
    prototype = work / "prototype"
    prototype.write_text("\n".join(["/", "0 0", *_prototype(tree)]) + "\n", encoding="utf-8")
    alone = work / "xfs"
    with alone.open("xb") as stream:
        stream.truncate(volume.partition.size)
    process.run(
        ["mkfs.xfs", "-q", "-m", f"uuid={volume.filesystem.uuid}"]
        + ["-L", volume.filesystem.label, "-p", prototype, alone],
        timeout_s=_TOOL_TIMEOUT_S,
    )
    sparse.copy_into(alone, raw, volume.partition.start)
    alone.unlink()


def _prototype(directory: pathlib.Path) -> list[str]:
    """Describe a directory as mkfs.xfs(8) wants it, from ``d--755 0 0`` to ``$``."""
    status = directory.lstat()
    lines = [f"d--{status.st_mode & 0o777:03o} {status.st_uid} {status.st_gid}"]
    for entry in sorted(directory.iterdir()):
        if entry.is_symlink():
            lines.append(f"{entry.name} l--777 0 0 {os.readlink(entry)}")
            continue
        status = entry.stat()
        if entry.is_dir():
            first, *rest = _prototype(entry)
            lines += [f"{entry.name} {first}", *rest]
        elif entry.is_file():
            special = ("u" if status.st_mode & 0o4000 else "-") + (
                "g" if status.st_mode & 0o2000 else "-"
            )
            mode = f"-{special}{status.st_mode & 0o777:03o}"
            lines.append(f"{entry.name} {mode} {status.st_uid} {status.st_gid} {entry}")
    return [*lines, "$"]
