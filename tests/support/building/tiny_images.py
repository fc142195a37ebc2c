"""Small images with everything a file system can hold that a build could lose."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import shutil
import stat
import struct

from retrofit import model
from retrofit.base_images.scratch import disk, shape

RELEASE = model.Release("debian", "12", "bookworm", "amd64")
_OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Tiny"\n'
_STATUS = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n"

# struct vfs_cap_data, revision 2, effective, with CAP_NET_RAW permitted.
CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
_ANY = 0xFFFFFFFF
# A list as the kernel takes it: version 2, then tag, permissions and id; it lets group 4 read.
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 7, _ANY), (4, 5, _ANY), (8, 5, 4), (0x10, 5, _ANY), (0x20, 5, _ANY))
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a path of a tree is: all that has to survive."""

    mode: int
    owner: tuple[int, int]
    content: str
    modified: int
    links: tuple[str, ...]
    attributes: tuple[tuple[str, bytes], ...]


def plant(tree: pathlib.Path) -> None:
    """Fill a new directory with a system that is tiny and has one of every kind of file."""
    for directory in ("etc", "usr/lib", "var/lib/dpkg", "var/log/journal", "boot", "dev", "many"):
        (tree / directory).mkdir(parents=True)
    (tree / "usr/lib/os-release").write_text(_OS_RELEASE)
    (tree / "etc/os-release").symlink_to("../usr/lib/os-release")
    (tree / "var/lib/dpkg/status").write_text(_STATUS)
    (tree / "etc/hostname").write_text("tiny\n")
    (tree / "etc/hostname").chmod(0o640)
    (tree / "boot/vmlinuz").write_bytes(os.urandom(100_000))
    for number in range(200):
        (tree / f"many/{number:03}-file").write_text(f"{number}\n" * number)
    (tree / "usr/lib/program").write_bytes(os.urandom(70_000))
    (tree / "usr/lib/program").chmod(0o4755)
    os.chown(tree / "usr/lib/os-release", 1000, 1001)
    os.utime(tree / "many", (1_600_000_000, 1_600_000_000))


def decorate(tree: pathlib.Path) -> None:
    """Add to an open tree what only some ways of making an image can hold."""
    os.link(tree / "usr/lib/program", tree / "usr/lib/program-too")
    os.setxattr(tree / "usr/lib/program", "security.capability", CAPABILITY)
    os.setxattr(tree / "etc/hostname", "user.note", b"kept \0 whole")
    journal = tree / "var/log/journal"
    os.setxattr(journal, "system.posix_acl_access", ACCESS_LIST)
    os.setxattr(journal, "system.posix_acl_default", ACCESS_LIST)
    for path, mode in {"many": 0o1777, "var/log": 0o2775, "many/010-file": 0o6755}.items():
        (tree / path).chmod(mode)
    (tree / ("n" * 255)).write_text("a long name")
    (tree / "usr/lib/wide character ☃").write_text("and a space")
    os.mkfifo(tree / "etc/pipe", 0o620)
    (tree / "etc/far").symlink_to("/" + "x" * 200)
    with (tree / "usr/lib/sparse").open("wb") as sparse:
        sparse.truncate(50 * model.MIB)
        sparse.seek(20 * model.MIB)
        sparse.write(b"amid holes")
    for number in range(3000):
        (tree / "many" / f"new-{number}").write_text("")


def disturb(tree: pathlib.Path) -> None:
    """Change an open tree in every way a build may."""
    (tree / "many/001-file").unlink()
    (tree / "many/002-file").write_text("changed")
    (tree / "many/003-file").rename(tree / "many/renamed")
    (tree / "many/004-file").chmod(0o600)
    os.chown(tree / "many/005-file", 33, 65534)
    (tree / "many/006-file").unlink()
    (tree / "many/006-file").mkdir()
    (tree / "many/006-file/inside").write_text("a file became a directory")
    (tree / "many/007-file").unlink()
    (tree / "many/007-file").symlink_to("008-file")
    shutil.rmtree(tree / "usr/lib/python", ignore_errors=True)
    shutil.rmtree(tree / "var/log/journal")
    (tree / "var/log/journal").write_text("a directory became a file")
    shutil.rmtree(tree / "var/lib/dpkg")
    (tree / "var/lib/dpkg").mkdir(mode=0o700)
    (tree / "var/lib/dpkg/status").write_text(_STATUS)
    (tree / "boot/new-kernel").write_bytes(os.urandom(50_000))
    (tree / "boot/vmlinuz").unlink()
    (tree / "boot/efi/EFI").mkdir()
    (tree / "boot/efi/EFI/loader").write_bytes(os.urandom(5_000))


def make(raw: pathlib.Path, work: pathlib.Path, *, layout_name: str, root_filesystem: str) -> None:
    """Make a tiny image; call it in a workshop."""
    place = work / "tiny"
    tree = place / "tree"
    tree.mkdir(parents=True)
    plant(tree)
    disk.make(
        tree,
        raw,
        like=shape.Shape(layout_name, filesystem=root_filesystem),
        release=RELEASE,
        identity="tiny",
        moment=None,
        work=place,
    )


def snapshot(tree: pathlib.Path) -> dict[str, Entry]:
    """Describe everything in a tree, so that two of them can be compared."""
    paths = [
        pathlib.Path(directory, name)
        for directory, subdirectories, files in os.walk(tree)
        for name in (*subdirectories, *files)
    ]
    groups: dict[tuple[int, int], list[str]] = {}
    for path in paths:
        status = path.lstat()
        if not path.is_dir() and status.st_nlink > 1:
            groups.setdefault((status.st_dev, status.st_ino), []).append(
                str(path.relative_to(tree))
            )
    return {str(path.relative_to(tree)): _describe(path, groups) for path in paths}


def _describe(path: pathlib.Path, groups: dict[tuple[int, int], list[str]]) -> Entry:
    status = path.lstat()
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    attributes = sorted(
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in os.listxattr(path, follow_symlinks=False)
    )
    return Entry(
        mode=status.st_mode,
        owner=(status.st_uid, status.st_gid),
        content=content,
        modified=int(status.st_mtime),
        links=tuple(sorted(groups.get((status.st_dev, status.st_ino), ()))),
        attributes=tuple(attributes),
    )
