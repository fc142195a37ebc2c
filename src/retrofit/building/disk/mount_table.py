"""Mount tables, fstab(5), and the names that they and kernels have for file systems."""

from __future__ import annotations

import dataclasses
import re

from . import volume

# Of the kernel's own; they have no device.
VIRTUAL = frozenset(
    "bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue"
    " overlay proc pstore ramfs securityfs sysfs tmpfs tracefs".split()
)
REMOTE = frozenset("9p ceph cifs glusterfs nfs nfs4 smb3 sshfs virtiofs".split())
_NUMBERED = re.compile(r"/dev/(?:vd|sd|xvd|hd)a(\d+)|/dev/nvme0n1p(\d+)")
_OF_PARTITIONS = ("PART", "/dev/disk/by-part")
# udev writes other characters than these as \xHH in the names of /dev/disk/by-label.
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})")
# And fstab(5) has spaces as \040.
_OCTAL = re.compile(r"\\([0-7]{3})")


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

    @property
    def is_remote(self) -> bool:
        """Whether it is on another machine."""
        return self.kind in REMOTE or "_netdev" in self.options

    @property
    def is_file(self) -> bool:
        """Whether a file or directory of another file system is mounted."""
        return self.device.startswith("/") and not self.device.startswith("/dev/")


def parse(text: str) -> tuple[list[Entry], list[int]]:
    """Return the entries of an fstab, and the numbers of lines that are none."""
    entries, damaged = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = [_plain(field) for field in line.split()]
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 3:
            damaged.append(number)
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        mount_point = fields[1].rstrip("/") or "/"
        entries.append(Entry(number, fields[0], mount_point, fields[2], frozenset(options)))
    return entries, damaged


def _plain(field: str) -> str:
    """Return a field of fstab as it is meant."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def is_volume(volume: volume.Volume, spec: str) -> bool:
    """Tell whether a device of fstab(5) or of the kernel's ``root=`` is a file system."""
    if volume.device:
        group, _, name = volume.device.removeprefix("/dev/").partition("/")
        mapped = "-".join(part.replace("-", "--") for part in (group, name))
        if spec in (volume.device, f"/dev/mapper/{mapped}"):
            return True
        # PARTUUID names the physical volume.
        return not spec.startswith(_OF_PARTITIONS) and _is_named(volume, spec)
    numbered = _NUMBERED.fullmatch(spec)
    if numbered:
        return int(numbered[1] or numbered[2]) == volume.partition.number
    return _is_named(volume, spec)


def _is_named(volume: volume.Volume, spec: str) -> bool:
    """Tell whether a tag, or a link below ``/dev/disk``, is a file system or its partition."""
    partition, filesystem = volume.partition, volume.filesystem
    names = {
        "LABEL": filesystem.label,
        "UUID": filesystem.uuid.lower(),
        "PARTLABEL": partition.name,
        "PARTUUID": partition.uuid,
        "/dev/disk/by-label/": filesystem.label,
        "/dev/disk/by-uuid/": filesystem.uuid.lower(),
        "/dev/disk/by-partlabel/": partition.name,
        "/dev/disk/by-partuuid/": partition.uuid,
    }
    if spec.startswith("/"):
        directory, slash, name = spec.rpartition("/")
        key = directory + slash
        name = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), name)
    else:
        key, _, name = spec.partition("=")
        name = name.strip('"')
    wanted = names.get(key, "")
    return bool(wanted) and (name if "label" in key.lower() else name.lower()) == wanted
