"""Disks with one partition: one that a build takes seconds for, others with little in them."""

from __future__ import annotations

import functools
import json
import pathlib
import shutil
import subprocess

from .. import artefacts
from . import local_archive

_MIB = 1024 * 1024


@functools.cache
def installable() -> pathlib.Path:
    """Return an image of a small system that takes itself for Ubuntu's noble.

    Packages come from :func:`local_archive.archive`; a build of it takes seconds.
    """
    # The archive's key is in it.
    made_from = artefacts.digest(pathlib.Path(__file__), local_archive.archive().name)

    def build(directory: pathlib.Path) -> None:
        tree, raw = directory / "tree", directory / "disk.raw"
        local_archive.bring(directory)
        local_archive.unpack(directory, tree)
        for name, text in _about("ubuntu", "24.04", "noble").items():
            (tree / name).unlink(missing_ok=True)
            (tree / name).write_text(text)
        _write(raw, tree, mebibytes=700)
        qemu_img = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2"]
        subprocess.run([*qemu_img, raw, directory / "small.qcow2"], check=True)
        raw.unlink()
        shutil.rmtree(tree)

    return artefacts.once(f"installable-{made_from}", build) / "small.qcow2"


def disk(path: pathlib.Path, files: dict[str, str]) -> None:
    """Write a raw image with one ext4 partition that holds some text files."""
    tree = path.with_name(f"{path.name}.tree")
    tree.mkdir()
    for name, text in files.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _write(path, tree, mebibytes=62)
    shutil.rmtree(tree)


def system(path: pathlib.Path, *, distribution: str, version: str, series: str) -> None:
    """Write a raw image that passes for one with an operating system in it."""
    status = (
        "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
        "Maintainer: none\nDescription: none\n"
    )
    disk(path, _about(distribution, version, series) | {"var/lib/dpkg/status": status})


def _about(distribution: str, version: str, series: str) -> dict[str, str]:
    """Return the files by which a system is known."""
    about = {"ID": distribution, "VERSION_ID": version, "VERSION_CODENAME": series}
    lines = [f"{key}={json.dumps(value)}\n" for key, value in about.items()]
    return {"usr/lib/os-release": "".join(lines), "etc/fstab": ""}


def _write(path: pathlib.Path, tree: pathlib.Path, *, mebibytes: int) -> None:
    """Write a raw image with one ext4 partition of that size, filled from a directory."""
    with path.open("wb") as image:
        image.truncate((mebibytes + 2) * _MIB)
    partition = f"label: gpt\nstart=1MiB, size={mebibytes}MiB, type=linux\n"
    subprocess.run(["/sbin/sfdisk", "--quiet", path], input=partition, text=True, check=True)
    options = ["-q", "-F", "-d", tree, "-E", f"offset={_MIB}"]
    subprocess.run(["/sbin/mke2fs", "-t", "ext4", *options, path, f"{mebibytes}M"], check=True)
