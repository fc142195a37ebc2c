"""Small disks with file systems wherever somebody may have them."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
from collections.abc import Sequence

_MIB = 1024 * 1024
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Tiny"\n'
_STATUS = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n"


@dataclasses.dataclass(frozen=True)
class Part:
    """A partition with an ext4.

    Attributes:
        mount_point: Where its files are mounted.
        device: Its name in fstab; empty if it is not in there.
        type_code: Its type.
        size: Its size in MiB.
    """

    mount_point: str
    device: str = ""
    type_code: str = _LINUX
    size: int = 16


def plant(tree: pathlib.Path) -> None:
    """Fill a directory with what a system is told by, and a file in each of its directories."""
    files = {
        "usr/lib/os-release": _OS_RELEASE,
        "var/lib/dpkg/status": _STATUS,
        "boot/vmlinuz": "kernel\n",
        "home/me/file": "mine\n",
        "opt/tool/file": "a tool\n",
        "srv/file": "served\n",
        "usr/local/file": "local\n",
        "var/log/file": "logged\n",
        "var/lib/extra/file": "kept\n",
    }
    for name, text in files.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def make(raw: pathlib.Path, parts: Sequence[Part], *, label: str = "gpt") -> None:
    """Write a disk whose file systems hold one system together.

    Args:
        raw: The file to make.
        parts: Its partitions; the root file system's is the last.
        label: Kind of the partition table, as sfdisk calls it.
    """
    work = raw.with_suffix(".parts")
    tree = work / "tree"
    plant(tree)
    table = [f"label: {label}"]
    fstab, starts, start = [], {}, 1
    for number, one in enumerate(parts, start=1):
        starts[one.mount_point] = start
        named = f', name="part {number}"' if label == "gpt" else ""
        table.append(f"start={start}MiB, size={one.size}MiB, type={one.type_code}{named}")
        start += one.size
        if one.device:
            fstab.append(f"{one.device} {one.mount_point} ext4 defaults 0 2\n")
    (tree / "etc").mkdir()
    (tree / "etc/fstab").write_text("".join(fstab))
    with raw.open("wb") as image:
        image.truncate((start + 1) * _MIB)
    _run("sfdisk", "--quiet", raw, text="\n".join(table) + "\n")
    # From the deepest: what is left of the tree at last is the root file system's.
    for one in sorted(parts, key=lambda one: one.mount_point, reverse=True):
        fill(raw, starts[one.mount_point], one, tree / one.mount_point.lstrip("/"))
    shutil.rmtree(work)


def fill(raw: pathlib.Path, start: int, one: Part, content: pathlib.Path) -> None:
    """Make a file system of a directory, which is empty afterwards; it begins at a MiB."""
    name = one.mount_point.strip("/").replace("/", "-") or "root"
    where = f"offset={start * _MIB}"
    _run("mke2fs", "-q", "-t", "ext4", "-L", name, "-d", content, "-E", where, raw, f"{one.size}M")
    shutil.rmtree(content)
    content.mkdir()


def _run(*command: str | pathlib.Path, text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True)
