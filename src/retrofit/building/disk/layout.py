"""What is where on an image: the root file system, what is mounted below it, and the release."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import shlex
from collections.abc import Callable

from debian import deb822

from ... import errors, model
from . import ext4, guestfs_path, partitions, volume

# Types of partitions that only a kernel can look into, and so the guestfs path.
_KERNEL_KINDS = frozenset({"xfs", "btrfs", "LVM2_member"})
_ROOT_FILES = ("/usr/lib/os-release", "/etc/os-release", "/etc/fstab", "/var/lib/dpkg/status")
_BOOT, _ESP = "/boot", "/boot/efi"
# udev writes other characters than these as \xHH in the names of /dev/disk/by-label.
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")

ReadFile = Callable[[str], bytes | None]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What is where on an image.

    Attributes:
        table: Its partition table.
        root: The root file system.
        boot: A separate ``/boot``, if there is one.
        esp: The EFI system partition, if it is mounted.
        release: What runs in it.
    """

    table: partitions.Table
    root: volume.Volume
    boot: volume.Volume | None
    esp: volume.Volume | None
    release: model.Release


def read(raw: pathlib.Path, work: pathlib.Path) -> Layout:
    """Find out what is where on a raw image.

    Args:
        raw: The image.
        work: Directory for temporary files.

    Raises:
        errors.ImageError: There is no partition table, no operating system, or more than one.
    """
    table = partitions.read(raw)
    found: list[Layout] = []
    for one in table.partitions:
        if one.filesystem is not None and one.filesystem.kind in ext4.KINDS:
            reader = functools.partial(ext4.read_file, raw, one, work=work)
            found += _layouts(table, volume.Volume("/", one, one.filesystem), reader)
    if not found:
        for one in table.partitions:
            if one.filesystem is None or one.filesystem.kind not in _KERNEL_KINDS:
                continue
            for device, filesystem, files in guestfs_path.look_into(raw, one, _ROOT_FILES, work):
                found += _layouts(table, volume.Volume("/", one, filesystem, device), files.get)
    if not found:
        raise errors.ImageError(
            "the image has no operating system",
            hint="give a cloud image that has its root file system in a partition",
        )
    if len(found) > 1:
        numbers = ", ".join(str(layout.root.partition.number) for layout in found)
        raise errors.ImageError(f"the image holds several operating systems: partitions {numbers}")
    return found[0]


def _layouts(table: partitions.Table, root: volume.Volume, read_file: ReadFile) -> list[Layout]:
    """Return the layout if ``root`` is a root file system, else nothing."""
    os_release = read_file("/usr/lib/os-release") or read_file("/etc/os-release")
    if os_release is None:
        return []
    fstab = (read_file("/etc/fstab") or b"").decode(errors="replace")
    return [
        Layout(
            table=table,
            root=root,
            boot=mounted(table, fstab, _BOOT),
            esp=mounted(table, fstab, _ESP),
            release=_release(os_release, read_file("/var/lib/dpkg/status")),
        )
    ]


def _release(os_release: bytes, dpkg_status: bytes | None) -> model.Release:
    """Read the release from os-release and dpkg's list of packages.

    Raises:
        errors.ImageError: The system has no dpkg, or its os-release is damaged.
    """
    values: dict[str, str] = {}
    try:
        words = shlex.split(os_release.decode(errors="replace"), comments=True)
    except ValueError as error:
        raise errors.ImageError(f"the image's os-release cannot be read: {error}") from error
    for word in words:
        name, _, value = word.partition("=")
        values[name] = value
    for package in deb822.Packages.iter_paragraphs(dpkg_status or b"", use_apt_pkg=False):
        if package.get("Package") == "dpkg":
            return model.Release(
                distribution=values.get("ID", ""),
                version=values.get("VERSION_ID", ""),
                series=values.get("VERSION_CODENAME", ""),
                architecture=package["Architecture"],
            )
    name = values.get("PRETTY_NAME") or values.get("ID") or "an unknown system"
    raise errors.ImageError(
        f"the image contains {name}, which has no dpkg", hint="give an image of Ubuntu or Debian"
    )


def mounted(table: partitions.Table, fstab: str, mount_point: str) -> volume.Volume | None:
    """Find the partition that fstab mounts at ``mount_point``.

    Raises:
        errors.ImageError: The line names a device that is not on the image.
    """
    for line in fstab.splitlines():
        fields = line.partition("#")[0].split()
        if len(fields) < 2 or fields[1].rstrip("/") != mount_point:
            continue
        for one in table.partitions:
            if one.filesystem is not None and is_named(one, one.filesystem, fields[0]):
                return volume.Volume(mount_point, one, one.filesystem)
        if len(fields) > 3 and "nofail" in fields[3].split(","):
            return None
        raise errors.ImageError(
            f"the image's fstab mounts {fields[0]} at {mount_point}, but no partition matches"
        )
    return None


def is_named(
    partition: partitions.Partition, filesystem: partitions.Filesystem, spec: str
) -> bool:
    """Tell whether a device of fstab(5) is this partition."""
    names = {
        "LABEL": filesystem.label,
        "UUID": filesystem.uuid.lower(),
        "PARTUUID": partition.uuid,
        "/dev/disk/by-label/": filesystem.label,
        "/dev/disk/by-uuid/": filesystem.uuid.lower(),
        "/dev/disk/by-partuuid/": partition.uuid,
    }
    directory, slash, name = spec.rpartition("/")
    key = directory + slash
    if not slash:
        key, _, name = spec.partition("=")
        name = name.strip('"')
    name = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), name)
    wanted = names.get(key, "")
    return bool(wanted) and (name if "label" in key.lower() else name.lower()) == wanted
