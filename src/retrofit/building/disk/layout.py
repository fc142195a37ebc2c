"""What is where on an image: the root file system, what is mounted below it, and the release."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import shlex
from collections.abc import Callable

from debian import deb822

from ... import errors, model
from ...model import releases
from . import devices, machine_code, mount_table, partitions, volume

_OS_RELEASES = ("/usr/lib/os-release", "/etc/os-release")
_FSTAB, _STATUS = "/etc/fstab", "/var/lib/dpkg/status"
# A program of every system with rpm, whose list of packages is a large file in one of two places.
_RPM = "/usr/bin/rpm"
_ROOT, _BOOT = "/", "/boot"
# Where the EFI system partition may be.
_ESPS = ("/boot/efi", "/efi")
_FAT = "vfat"
# What systemd-gpt-auto-generator(8) mounts that fstab does not name, by the type of the partition.
_BY_TYPE = {
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": "/boot",
    "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "/home",
    "3B8F8425-20E0-4F3B-907F-1A25A76F98E8": "/srv",
    "4D21B016-B534-45C2-A9FB-5C16E091FD2D": "/var",
    "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1": "/var/tmp",
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """What is where on an image.

    Attributes:
        table: Its partition table.
        root: The root file system.
        boot: A separate ``/boot``, if there is one.
        esp: The EFI system partition, if it is mounted.
        release: What runs in it.
        others: Further file systems that a boot mounts, such as a separate ``/var``.
    """

    table: partitions.Table
    root: volume.Volume
    boot: volume.Volume | None
    esp: volume.Volume | None
    release: model.Release
    others: tuple[volume.Volume, ...] = ()

    @property
    def volumes(self) -> tuple[volume.Volume, ...]:
        """All file systems but the EFI system partition, each after those it is mounted in."""
        found = [self.root, *self.others]
        if self.boot is not None:
            found.append(self.boot)
        return tuple(sorted(found, key=lambda one: one.mount_point))


def read(raw: pathlib.Path, work: pathlib.Path, *, complete: bool = True) -> Layout:
    """Find out what is where on a raw image.

    Args:
        raw: The image.
        work: Directory for temporary files.
        complete: Whether everything that it mounts is wanted, or only what can be mounted.

    Raises:
        errors.ImageError: There is no partition table, no operating system, or more than one; it
            mounts what is not on it, or what a build cannot write.
    """
    table = partitions.read(raw)
    known = devices.Devices(raw, table, work)
    found: list[Layout] = []
    for candidates in (known.plain, known.of_kernels):
        for one in candidates():
            found += _layouts(table, known, one, complete=complete)
        if found:
            break
    if not found:
        raise errors.ImageError(
            "the image has no operating system",
            hint="give a cloud image that has its root file system in a partition",
        )
    if len(found) > 1:
        numbers = ", ".join(str(layout.root.partition.number) for layout in found)
        raise errors.ImageError(f"the image holds several operating systems: partitions {numbers}")
    return found[0]


def _layouts(
    table: partitions.Table, known: devices.Devices, root: volume.Volume, *, complete: bool
) -> list[Layout]:
    """Return the layout if ``root`` is a root file system, else nothing."""
    text = known.read(root, _FSTAB)
    if text is None and not any(known.read(root, path) for path in _OS_RELEASES):
        return []
    fstab = (text or b"").decode(errors="replace")
    below = mounted(known, root, fstab, complete=complete)
    read_file = functools.partial(_read, known, (root, *below))
    os_release = next(filter(None, map(read_file, _OS_RELEASES)), None)
    if os_release is None:
        return []
    return [
        Layout(
            table=table,
            root=root,
            boot=next((one for one in below if one.mount_point == _BOOT), None),
            esp=next((one for one in below if one.mount_point in _ESPS), None),
            release=_release(os_release, read_file),
            others=tuple(one for one in below if one.mount_point not in (_BOOT, *_ESPS)),
        )
    ]


def _read(known: devices.Devices, volumes: tuple[volume.Volume, ...], path: str) -> bytes | None:
    """Read a file from the file system that it is in when all are mounted."""
    holders = [one for one in volumes if path.startswith(one.mount_point.rstrip("/") + "/")]
    holder = max(holders, key=lambda one: len(one.mount_point))
    return known.read(holder, path.removeprefix(holder.mount_point.rstrip("/")))


def _release(os_release: bytes, read_file: Callable[[str], bytes | None]) -> model.Release:
    """Read the release from os-release, and from dpkg's list of packages or rpm itself.

    Raises:
        errors.ImageError: The system has neither dpkg nor rpm, or its os-release is damaged.
    """
    values: dict[str, str] = {}
    try:
        words = shlex.split(os_release.decode(errors="replace"), comments=True)
    except ValueError as error:
        raise errors.ImageError(f"the image's os-release cannot be read: {error}") from error
    for word in words:
        name, _, value = word.partition("=")
        values[name] = value
    distribution = values.get("ID", "")
    architecture = _of_dpkg(read_file(_STATUS) or b"")
    if not architecture and distribution in releases.RED_HAT:
        architecture = machine_code.of_program((read_file(_RPM) or b"")[: machine_code.HEAD_SIZE])
    if not architecture:
        shown = values.get("PRETTY_NAME") or distribution or "an unknown system"
        raise errors.ImageError(
            f"the image contains {shown}, which has neither dpkg nor a supported rpm",
            hint=f"give an image of Ubuntu, Debian, {' or '.join(releases.RED_HAT)}",
        )
    version = values.get("VERSION_ID", "")
    code_name = values.get("VERSION_CODENAME", "")
    series = releases.series_of(distribution, version, code_name)
    return model.Release(distribution, version, series, architecture)


def _of_dpkg(status: bytes) -> str:
    """Return the architecture of a system by its list of packages; empty if it has none."""
    for package in deb822.Packages.iter_paragraphs(status, use_apt_pkg=False):
        if package.get("Package") == "dpkg":
            return str(package["Architecture"])
    return ""


def mounted(
    known: devices.Devices, root: volume.Volume, fstab: str, *, complete: bool = True
) -> tuple[volume.Volume, ...]:
    """Return what a boot mounts below the root file system, without what is not on a disk.

    Args:
        known: The file systems of the image.
        root: The root file system.
        fstab: Its fstab.
        complete: Whether all of it is wanted; else only what a boot loader needs is.

    Raises:
        errors.ImageError: A line of what is wanted names a device that is not on the image, or
            what a build cannot write back.
    """
    entries, _ = mount_table.parse(fstab)
    found: dict[str, volume.Volume] = {}
    for entry in entries:
        try:
            one = _volume(known, root, entry)
        except errors.ImageError:
            if complete or entry.mount_point in (_BOOT, *_ESPS):
                raise
            continue
        if one is not None:
            found[entry.mount_point] = one
    named = {entry.mount_point for entry in entries}
    for partition in known.table.partitions:
        at = _BY_TYPE.get(partition.type_code)
        filesystem = partition.filesystem
        if at is None or at in named or filesystem is None or not partition.automatic:
            continue
        if known.is_empty(root, at):
            found[at] = volume.Volume(at, partition, filesystem)
    return tuple(one for _, one in sorted(found.items()))


def _volume(
    known: devices.Devices, root: volume.Volume, entry: mount_table.Entry
) -> volume.Volume | None:
    """Find the file system that a line of fstab mounts; ``None`` if a build can do without it."""
    at = entry.mount_point
    if at == _ROOT or not at.startswith("/") or "noauto" in entry.options:
        return None
    if entry.kind in {*mount_table.VIRTUAL, "swap"} or entry.is_remote:
        return None
    what = f"the image's fstab mounts {entry.device} at {at}"
    if entry.is_file:
        raise errors.ImageError(
            f"{what}, which is no file system of its own",
            hint="remove the line, or use a base image without it",
        )
    if mount_table.is_volume(root, entry.device):
        raise errors.ImageError(
            f"{what}, which is the root file system: subvolumes are not supported",
            hint="use a base image with one file system for each mount point",
        )
    for one in known.all():
        if mount_table.is_volume(one, entry.device):
            break
    else:
        if not entry.waited_for:
            return None
        raise errors.ImageError(f"{what}, but no file system of the image matches")
    if (one.filesystem.kind == _FAT) != (at in _ESPS):
        raise errors.ImageError(f"{what}, and a build cannot write {one.filesystem.kind} there")
    return dataclasses.replace(one, mount_point=at)
