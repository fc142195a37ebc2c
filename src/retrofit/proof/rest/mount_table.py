"""The mounts that fstab(5) asks for: devices that are there, with options that let a boot end."""

from __future__ import annotations

import dataclasses
import re

from ...building.disk import layout, volume
from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_PATH, _NAME = "/etc/fstab", "mount table"
# Of the kernel's own; they have no device.
_VIRTUAL = frozenset(
    "bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue"
    " overlay proc pstore ramfs securityfs sysfs tmpfs tracefs".split()
)
_REMOTE = frozenset("9p ceph cifs glusterfs nfs nfs4 smb3 sshfs virtiofs".split())
_EXT = frozenset({"ext2", "ext3", "ext4"})
_NUMBERED = re.compile(r"/dev/(?:vd|sd|xvd|hd)a(\d+)|/dev/nvme0n1p(\d+)")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of fstab.

    Attributes:
        line: Its number, from 1.
        device: What is mounted.
        mount_point: Where.
        kind: Type of the file system.
        options: How.
    """

    line: int
    device: str
    mount_point: str
    kind: str
    options: frozenset[str]

    @property
    def waited_for(self) -> bool:
        """Whether a boot fails without it."""
        return not self.options & {"noauto", "nofail", "x-systemd.automount"}


def parse(text: str) -> tuple[list[Entry], list[int]]:
    """Return the entries of an fstab, and the numbers of lines that are none."""
    entries, damaged = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 3:
            damaged.append(number)
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        mount_point = fields[1].rstrip("/") or "/"
        entries.append(Entry(number, fields[0], mount_point, fields[2], frozenset(options)))
    return entries, damaged


def mount_table() -> subject.Check:
    """Everything that fstab mounts is on the image, and the root is mounted to be written."""
    return subject.Check(_NAME, _look)


def _look(image: subject.Subject) -> findings.Verdict:
    text = reading.text(image.tree, _PATH)
    if text is None:
        return findings.failed(f"{_PATH} is missing")
    entries, damaged = parse(text)
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


def _fault(image: subject.Subject, entry: Entry) -> str:
    """Say what is wrong with an entry; nothing if it is right."""
    if entry.mount_point == "/" and "ro" in entry.options:
        return "the root file system stays read-only"
    if not entry.waited_for or entry.kind in _VIRTUAL:
        return ""
    if entry.kind in _REMOTE or "_netdev" in entry.options:
        return f"a boot waits for {entry.device}, which is on another machine"
    is_file = entry.device.startswith("/") and not entry.device.startswith("/dev/")
    if is_file and not rootfs.resolve(image.tree, entry.device).exists():
        return f"{entry.device} is missing"
    if is_file:
        return ""
    return _device_fault(image.layout, entry)


def _device_fault(found: layout.Layout, entry: Entry) -> str:
    """Say what is wrong with the device of an entry; nothing if it is right."""
    root = found.root
    if entry.mount_point == "/" and not is_volume(root, entry.device):
        return f"{entry.device} is not the root file system of the image"
    if is_volume(root, entry.device):
        return _kind_fault(entry, root.filesystem.kind)
    for one in found.table.partitions:
        if one.filesystem is None:
            continue
        if is_volume(volume.Volume(entry.mount_point, one, one.filesystem), entry.device):
            return _kind_fault(entry, one.filesystem.kind)
        # What else is on its logical volumes is not known.
        if one.filesystem.kind == "LVM2_member":
            return ""
    return f"a boot waits for {entry.device} at {entry.mount_point}, which is not in the image"


def is_volume(volume: volume.Volume, spec: str) -> bool:
    """Tell whether a device of fstab(5) or of the kernel's ``root=`` is a file system."""
    if volume.device:
        group, _, name = volume.device.removeprefix("/dev/").partition("/")
        mapped = "-".join(part.replace("-", "--") for part in (group, name))
        if spec in (volume.device, f"/dev/mapper/{mapped}"):
            return True
        # PARTUUID names the physical volume.
        return "PART" not in spec and layout.is_named(volume.partition, volume.filesystem, spec)
    numbered = _NUMBERED.fullmatch(spec)
    if numbered:
        return int(numbered[1] or numbered[2]) == volume.partition.number
    return layout.is_named(volume.partition, volume.filesystem, spec)


def _kind_fault(entry: Entry, kind: str) -> str:
    """Say that a file system is not of the type that an entry has; nothing if it is."""
    same = entry.kind in ("auto", kind) or {entry.kind, kind} <= _EXT
    return "" if same else f"{entry.device} is {kind}, not {entry.kind}"
