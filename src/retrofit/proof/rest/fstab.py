"""The mounts that fstab(5) asks for: devices that are there, with options that let a boot end."""

from __future__ import annotations

from collections.abc import Sequence

from ...building.disk import layout, mount_table, partitions, volume
from ...host import rootfs
from ...model import findings
from .. import subject
from . import boot_parameters, reading

_PATH, _NAME = "/etc/fstab", "mount table"
# Of root file systems of amd64, arm64, armhf, riscv64, ppc64el and s390x (the Discoverable
# Partitions Specification).
_ROOT_TYPES = frozenset(
    {
        "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
        "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
        "69DAD710-2CE4-4E3C-B16C-21A1D49ABED3",
        "72EC70A6-CF74-40E6-BD49-4BDA08E8F224",
        "C31C45E6-3F39-412E-80FB-4809C4980599",
        "5EEAD9A9-FE09-4A1E-A1D7-520D00531306",
    }
)
_EXT = frozenset({"ext2", "ext3", "ext4"})


def mounts() -> subject.Check:
    """Everything that fstab mounts is on the image, and the root is mounted to be written."""
    return subject.Check(_NAME, _look)


def _look(image: subject.Subject) -> findings.Verdict:
    text = reading.text(image.tree, _PATH)
    entries, damaged = mount_table.parse(text or "")
    if damaged:
        return findings.failed(f"{_PATH}, line {damaged[0]}: too few fields")
    places = [one.mount_point for one in entries if one.mount_point.startswith("/")]
    for one in entries:
        fault = _fault(image, one)
        if not fault and places.count(one.mount_point) > 1:
            fault = f"{one.mount_point} is mounted twice"
        if fault:
            return findings.failed(f"{_PATH}, line {one.line}: {fault}")
    if "/" not in places and stays_read_only(
        boot_parameters.arguments(image), image.layout.root.partition
    ):
        return findings.failed(
            f"{_PATH} {'is missing' if text is None else 'does not mount /'},"
            " so the root file system stays read-only as the kernel mounts it"
        )
    named = f"all in the image: {', '.join(places)}" if places else "no mounts"
    return findings.passed(named if text is not None else f"no {_PATH}, and none is needed")


def stays_read_only(words: Sequence[str] | None, root: partitions.Partition) -> bool:
    """Tell whether a root file system that no fstab has cannot be written after a boot.

    Args:
        words: Parameters of the kernel; ``None`` if they are not known.
        root: Its partition.
    """
    said = [word for word in words or () if word in ("ro", "rw")]
    if said:
        return said[-1] == "ro"
    # systemd-gpt-auto-generator(8) makes it writable by the type of its partition.
    return words is not None and root.type_code not in _ROOT_TYPES


def _fault(image: subject.Subject, entry: mount_table.Entry) -> str:
    """Say what is wrong with an entry; nothing if it is right."""
    if entry.mount_point == "/" and "ro" in entry.options:
        return "the root file system stays read-only"
    if not entry.waited_for or entry.kind in mount_table.VIRTUAL:
        return ""
    if entry.is_remote:
        return f"a boot waits for {entry.device}, which is on another machine"
    if entry.is_file:
        there = rootfs.resolve(image.tree, entry.device).exists()
        return "" if there else f"{entry.device} is missing"
    return _device_fault(image.layout, entry)


def _device_fault(found: layout.Layout, entry: mount_table.Entry) -> str:
    """Say what is wrong with the device of an entry; nothing if it is right."""
    root = found.root
    if entry.mount_point == "/" and not mount_table.is_volume(root, entry.device):
        return f"{entry.device} is not the root file system of the image"
    if mount_table.is_volume(root, entry.device):
        return _kind_fault(entry, root.filesystem.kind)
    for one in found.table.partitions:
        if one.filesystem is None:
            continue
        if mount_table.is_volume(
            volume.Volume(entry.mount_point, one, one.filesystem), entry.device
        ):
            return _kind_fault(entry, one.filesystem.kind)
        # What else is on its logical volumes is not known.
        if one.filesystem.kind == "LVM2_member":
            return ""
    return f"a boot waits for {entry.device} at {entry.mount_point}, which is not in the image"


def _kind_fault(entry: mount_table.Entry, kind: str) -> str:
    """Say that a file system is not of the type that an entry has; nothing if it is."""
    same = entry.kind in ("auto", kind) or {entry.kind, kind} <= _EXT
    return "" if same else f"{entry.device} is {kind}, not {entry.kind}"
