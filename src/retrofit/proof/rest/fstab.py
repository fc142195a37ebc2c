"""The mounts that fstab(5) asks for: devices that are there, with options that let a boot end."""

from __future__ import annotations

from ...building.disk import layout, mount_table, volume
from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_PATH, _NAME = "/etc/fstab", "mount table"
_EXT = frozenset({"ext2", "ext3", "ext4"})


def mounts() -> subject.Check:
    """Everything that fstab mounts is on the image, and the root is mounted to be written."""
    return subject.Check(_NAME, _look)


def _look(image: subject.Subject) -> findings.Verdict:
    text = reading.text(image.tree, _PATH)
    if text is None:
        return findings.failed(f"{_PATH} is missing")
    entries, damaged = mount_table.parse(text)
    if damaged:
        return findings.failed(f"{_PATH}, line {damaged[0]}: too few fields")
    places = [one.mount_point for one in entries if one.mount_point.startswith("/")]
    for one in entries:
        fault = _fault(image, one)
        if not fault and places.count(one.mount_point) > 1:
            fault = f"{one.mount_point} is mounted twice"
        if fault:
            return findings.failed(f"{_PATH}, line {one.line}: {fault}")
    return findings.passed(f"all in the image: {', '.join(places)}" if places else "empty")


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
