"""The programs of the machine that the engine runs, and the Debian packages that have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import errors
from . import process

# For every build and every proof.
NEEDED: Mapping[str, str] = {
    "apt-cache": "apt",
    "apt-get": "apt",
    "blkid": "util-linux",
    "bwrap": "bubblewrap",
    "cp": "coreutils",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "genisoimage": "genisoimage",
    "gpgv": "gpgv",
    "ip": "iproute2",
    "mcopy": "mtools",
    "mdeltree": "mtools",
    "mdir": "mtools",
    "mke2fs": "e2fsprogs",
    "mount": "mount",
    "newgidmap": "uidmap",
    "newuidmap": "uidmap",
    "prlimit": "util-linux",
    "qemu-img": "qemu-utils",
    "sfdisk": "fdisk",
    "slirp4netns": "slirp4netns",
    "supermin": "supermin",
    "tar": "tar",
    "tune2fs": "e2fsprogs",
    "umount": "mount",
}
# For `retrofit bootstrap`, `retrofit create` and base images of `bootstrap:` alone.
BOOTSTRAP: Mapping[str, str] = {
    "grub-mkimage": "grub-common",
    "mkfs.vfat": "dosfstools",
    "mkfs.xfs": "xfsprogs",
    "mmdebstrap": "mmdebstrap",
}
# For squashfs files of `retrofit create`, and root passwords of `diskimage-create`.
CREATE: Mapping[str, str] = {"mksquashfs": "squashfs-tools", "openssl": "openssl"}
# For images of the Red Hat family.
RED_HAT: Mapping[str, str] = {"dnf": "dnf", "rpm": "rpm"}
# For elements with sources of type git, and for image files in repositories.
SOURCES: Mapping[str, str] = {"git": "git"}
# For schedules: every system with systemd has them.
SYSTEMD = ("systemctl", "systemd-analyze")


def missing(programs: Iterable[str]) -> tuple[str, ...]:
    """Return those of some programs that are not installed."""
    return tuple(program for program in programs if not _is_there(program))


def _is_there(program: str) -> bool:
    try:
        process.find(program)
    except errors.ToolMissing:
        return False
    return True
