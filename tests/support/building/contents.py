"""Reads what is in an image, without the engine: every file, and all it has but times."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import hashlib
import json
import os
import pathlib
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping

from debian import deb822

_SECTOR = 512
# Debian's packages name files by the places that are links into /usr since usrmerge.
_MERGED = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file of any type.

    Attributes:
        mode: Type and permissions, as ``ls`` prints them.
        owner: User and group id.
        content: SHA-256 of a file, target of a link, numbers of a device; else empty.
        size: Bytes of a file; else 0.
        links: Number of names; 0 for a directory, where it is the file system's business.
        attributes: Extended attributes.
    """

    mode: str
    owner: tuple[int, int]
    content: str
    size: int
    links: int
    attributes: tuple[tuple[str, bytes], ...]


@dataclasses.dataclass(frozen=True)
class Contents:
    """What is in an image.

    Attributes:
        entries: Every file by its absolute path.
        packages: Fields of each installed package by its name.
        automatic: Names of packages that apt installed only because others need them.
        owned: Paths that belong to packages.
    """

    entries: Mapping[str, Entry]
    packages: Mapping[str, Mapping[str, str]]
    automatic: frozenset[str]
    owned: frozenset[str]


@functools.cache
def read(image: pathlib.Path) -> Contents:
    """Read an image of the noble or jammy layout, which is not written."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="contents-") as work,
        mounted(image, pathlib.Path(work)) as root,
    ):
        return look(root)


def look(root: pathlib.Path) -> Contents:
    """Read what is in a directory that holds a system."""
    return Contents(
        entries=dict(_entries(root)),
        packages={
            package["Package"]: dict(package)
            for package in _paragraphs(root / "var/lib/dpkg/status")
            if package["Status"].endswith(" installed")
        },
        automatic=frozenset(
            package["Package"]
            for package in _paragraphs(root / "var/lib/apt/extended_states")
            if package["Auto-Installed"] == "1"
        ),
        owned=frozenset(
            _merged(line)
            for listing in (root / "var/lib/dpkg/info").glob("*.list")
            for line in listing.read_text().splitlines()
        ),
    )


def unexplained(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return those of the paths that match none of the patterns, sorted."""
    matches = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns)).match
    return sorted(path for path in paths if not matches(path))


def _entries(root: pathlib.Path) -> Iterator[tuple[str, Entry]]:
    yield "/", _entry(root)
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = pathlib.Path(directory, name)
            yield f"/{path.relative_to(root)}", _entry(path)


def _paragraphs(file: pathlib.Path) -> Iterator[deb822.Deb822]:
    with file.open() as text:
        yield from deb822.Deb822.iter_paragraphs(text, use_apt_pkg=False)


def _merged(path: str) -> str:
    within_usr = f"/usr{path}"
    return within_usr if within_usr.startswith(tuple(f"{top}/" for top in _MERGED)) else path


@contextlib.contextmanager
def mounted(image: pathlib.Path, work: pathlib.Path) -> Iterator[pathlib.Path]:
    """Show the files of an image of the noble or jammy layout, to be read only.

    Args:
        image: The image.
        work: A directory that the mount and a raw copy of the image are in.
    """
    raw, root = work / "disk.raw", work / "root"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    offsets = dict(file_systems(raw))
    root.mkdir()
    with contextlib.ExitStack() as mounts:
        mounts.enter_context(_mount(raw, offsets["cloudimg-rootfs"], root))
        if "BOOT" in offsets:
            mounts.enter_context(_mount(raw, offsets["BOOT"], root / "boot"))
        yield root


def file_systems(raw: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Give label and start in bytes of each ext4 file system."""
    table = _output("sfdisk", "--json", raw)
    for partition in json.loads(table)["partitiontable"]["partitions"]:
        offset = partition["start"] * _SECTOR
        probe = ["blkid", "--probe", "--offset", str(offset), "--output", "export", raw]
        found = dict(line.split("=", 1) for line in _output(*probe).splitlines())
        if found.get("TYPE") == "ext4":
            yield found["LABEL"], offset


@contextlib.contextmanager
def _mount(raw: pathlib.Path, offset: int, at: pathlib.Path) -> Iterator[None]:
    """Mount by the kernel where it lends a loop device: through fuse2fs it takes seven times."""
    lent = ["mount", "-o", f"loop,ro,noload,offset={offset}", raw, at]
    if subprocess.run(lent, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        subprocess.run(["fuse2fs", "-o", f"ro,offset={offset}", raw, at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def _entry(path: pathlib.Path) -> Entry:
    status = path.lstat()
    size = 0
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        content, size = _hash(path), status.st_size
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        content = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    else:
        content = ""
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return Entry(
        mode=stat.filemode(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        content=content,
        size=size,
        links=0 if kind == stat.S_IFDIR else status.st_nlink,
        attributes=tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names),
    )


def _hash(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _output(*command: str | pathlib.Path) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
