"""File systems that only a kernel reads and writes, through libguestfs's small virtual machine.

It is slow, above all where it is emulated, so it moves whole trees and differences, not files. The
only module that imports guestfs, and not before it is needed: the package belongs to the system.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from ... import errors
from ...host import accelerator, process
from . import appliance_disk, changes, mounts, partitions, volume

_TAR_TIMEOUT_S = 3600.0
_DISK = "/dev/disk/guestfs/image"
_PHYSICAL_VOLUME = "LVM2_member"
# Types of what is no file system.
_NO_FILES = ("", "LVM2_member", "crypto_LUKS", "linux_raid_member", "swap")
# Device nodes cannot be made in a workshop, and a booted system mounts its own /dev.
_LEFT_ALONE = "./dev/*"
_TAR = ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls"]
# How many of the files that changed are read back after writing.
_SAMPLES = 20

Found = tuple[str, partitions.Filesystem, dict[str, bytes]]


def look_into(
    raw: pathlib.Path,
    partition: partitions.Partition,
    names: Sequence[str],
    work: pathlib.Path,
) -> list[Found]:
    """Read some files from every file system on a partition.

    Args:
        raw: The image.
        partition: A partition with a file system or a physical volume of LVM.
        names: Absolute paths of the files.
        work: Directory for temporary files.

    Returns:
        For every file system its device (empty if it is the partition itself), what it is, and
        the content of those of the files that it has.

    Raises:
        errors.ToolMissing: The appliance does not start.
    """
    found: list[Found] = []
    with _appliance(raw, work, readonly=True) as appliance:
        own = f"{_DISK}{partition.number}"
        logical = (
            partition.filesystem is not None and partition.filesystem.kind == _PHYSICAL_VOLUME
        )
        for device in appliance.lvs() if logical else [own]:
            kind = appliance.vfs_type(device)
            if kind in _NO_FILES:
                continue
            about = partitions.Filesystem(
                kind, appliance.vfs_uuid(device), appliance.vfs_label(device)
            )
            appliance.mount_ro(device, "/")
            files: dict[str, bytes] = {}
            for name in names:
                if appliance.is_file(name, followsymlinks=True):
                    copy = work / "guestfs.out"
                    appliance.download(name, str(copy))
                    files[name] = copy.read_bytes()
                    copy.unlink()
            appliance.umount("/")
            found.append(("" if device == own else device, about, files))
    return found


def extract(
    raw: pathlib.Path, volume: volume.Volume, into: pathlib.Path, work: pathlib.Path
) -> None:
    """Copy all files of a file system into a new directory.

    Args:
        raw: The image.
        volume: The file system.
        into: The directory to make.
        work: Directory for temporary files.

    Raises:
        errors.ToolMissing: The appliance does not start.
        errors.ImageError: The file system cannot be read.
    """
    into.mkdir(parents=True)
    archive = work / "files.tar"
    with _appliance(raw, work, readonly=True) as appliance:
        appliance.mount_ro(_device(volume), "/")
        appliance.tar_out(
            "/", str(archive), numericowner=True, xattrs=True, acls=True, excludes=[_LEFT_ALONE]
        )
        expected = _names(appliance, work)
    process.run([*_TAR, "-xpf", archive, "-C", into], timeout_s=_TAR_TIMEOUT_S)
    archive.unlink()
    if changes.names(into) != expected:
        raise errors.ImageError(
            f"not all files of partition {volume.partition.number} could be read"
        )


def apply(
    raw: pathlib.Path,
    volume: volume.Volume,
    tree: pathlib.Path,
    files: mounts.Overlay,
    work: pathlib.Path,
) -> None:
    """Grow a file system to its partition and make it hold what a tree holds.

    Args:
        raw: The image, changed in place.
        volume: The file system.
        tree: Its files as they are to be, without other mounts.
        files: The overlay that knows what changed.
        work: Directory for temporary files.

    Raises:
        errors.NoSpace: The files do not fit.
        errors.OutputError: The image does not hold them in the end.
    """
    difference = changes.difference(files)
    listing, archive = work / "changed.list", work / "changed.tar"
    listing.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in difference.changed))
    process.run(
        [*_TAR, "-cf", archive, "-C", tree, "--no-recursion", "--null", f"--files-from={listing}"],
        timeout_s=_TAR_TIMEOUT_S,
    )
    with _appliance(raw, work, readonly=False) as appliance:
        _grow(appliance, volume)
        for path in difference.removed:
            appliance.rm_rf(f"/{path}")
        try:
            appliance.tar_in(str(archive), "/", xattrs=True, acls=True)
        except RuntimeError as failure:
            if "No space left" in str(failure):
                raise errors.NoSpace(
                    f"the files for partition {volume.partition.number} do not fit in it",
                    hint="use a larger root file system",
                ) from failure
            raise
        appliance.umount_all()
    archive.unlink()
    _check(raw, volume, tree, difference, work)


def check() -> str:
    """Return with which kernel libguestfs's virtual machine would run here.

    Raises:
        errors.ToolMissing: libguestfs is not installed, or has no kernel that it may read.
    """
    _library()
    kernel, _ = appliance_disk.parts()
    return f"libguestfs is installed; its appliance has the kernel {kernel}"


def _library() -> Any:
    """Return libguestfs, which only images with LVM, XFS or btrfs need."""
    try:
        import guestfs
    except ImportError as missing:
        raise errors.ToolMissing(
            "python3-guestfs is not installed, and images with LVM, XFS or btrfs need it",
            hint="install the distribution's package python3-guestfs",
        ) from missing
    return guestfs


def _check(
    raw: pathlib.Path,
    volume: volume.Volume,
    tree: pathlib.Path,
    difference: changes.Difference,
    work: pathlib.Path,
) -> None:
    """Look at what was written with another appliance: the one that wrote it has it in memory."""
    regular = [
        path
        for path in difference.changed
        if (tree / path).is_file() and not (tree / path).is_symlink()
    ]
    with _appliance(raw, work, readonly=True) as appliance:
        appliance.mount_ro(_device(volume), "/")
        same = _names(appliance, work) == changes.names(tree)
        for path in regular[:: max(1, len(regular) // _SAMPLES)]:
            wanted = hashlib.sha256((tree / path).read_bytes()).hexdigest()
            same = same and appliance.checksum("sha256", f"/{path}") == wanted
    if not same:
        raise errors.OutputError(
            f"partition {volume.partition.number} does not contain the data that was written"
        )


def _grow(appliance: Any, volume: volume.Volume) -> None:
    """Let a file system fill its partition, and mount it."""
    device = _device(volume)
    if volume.device and volume.mount_point == "/":
        appliance.pvresize(f"{_DISK}{volume.partition.number}")
        appliance.lvresize_free(device, 100)
    kind = volume.filesystem.kind
    if kind.startswith("ext"):
        appliance.e2fsck(device, correct=True)
        appliance.resize2fs(device)
    appliance.mount(device, "/")
    if kind == "xfs":
        appliance.xfs_growfs("/")
    elif kind == "btrfs":
        appliance.btrfs_filesystem_resize("/")


def _device(volume: volume.Volume) -> str:
    """Name a file system as the appliance does: by the disk's label, as orders of disks vary."""
    return volume.device or f"{_DISK}{volume.partition.number}"


def _names(appliance: Any, work: pathlib.Path) -> frozenset[str]:
    """Return the paths of all files of the mounted file system but those left alone."""
    listing = work / "names"
    appliance.find0("/", str(listing))
    paths = listing.read_bytes().split(b"\0")
    listing.unlink()
    return frozenset(os.fsdecode(path) for path in paths if path and not path.startswith(b"dev/"))


@contextlib.contextmanager
def _appliance(raw: pathlib.Path, work: pathlib.Path, *, readonly: bool) -> Iterator[Any]:
    """Run libguestfs's virtual machine with an image in it.

    Raises:
        errors.ToolMissing: libguestfs is not installed, or has no kernel that it may read.
        errors.ImageError: What is done with the image in the context fails.
    """
    guestfs = _library()
    # libguestfs starts programs by itself, with the environment of this process.
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(process.environment())
    appliance = guestfs.GuestFS(python_return_dict=True)
    try:
        appliance.set_backend("direct")
        if not accelerator.kvm_works():
            appliance.set_backend_settings(["force_tcg"])
        appliance.set_path(str(appliance_disk.build(work)))
        appliance.set_tmpdir(str(work))
        # Its default is a directory of /var/tmp that everything of this user shares; made here it
        # would belong to an id of the workshop's, and libguestfs refuses that to root ever after.
        appliance.set_cachedir(str(work))
        appliance.add_drive_opts(str(raw), format="raw", readonly=readonly, label="image")
        try:
            appliance.launch()
        except RuntimeError as failure:
            raise errors.ToolMissing(
                "libguestfs's appliance does not start",
                hint="run libguestfs-test-tool to see the reason",
                details=tuple(str(failure).splitlines()),
            ) from failure
        yield appliance
        appliance.shutdown()
    except RuntimeError as failure:
        raise errors.ImageError(f"libguestfs: {failure}") from failure
    finally:
        appliance.close()
        os.environ.clear()
        os.environ.update(before)
