"""Mounts of the build's own mount namespace: overlays and binds that never outlive their use."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence

from ...host import process

_TOOL_TIMEOUT_S = 60.0
_ALL_IDS = ["0", "0", "4294967295"]


@dataclasses.dataclass(frozen=True)
class Overlay:
    """A writable view of read-only directories.

    Attributes:
        layers: The directories below, never changed, the one that counts first in front.
        upper: Where changes are kept, in overlayfs's own form.
        merged: The view.
    """

    layers: tuple[pathlib.Path, ...]
    upper: pathlib.Path
    merged: pathlib.Path


@contextlib.contextmanager
def overlay(
    layers: Sequence[pathlib.Path], changes: pathlib.Path, merged: pathlib.Path
) -> Iterator[Overlay]:
    """Mount an overlay.

    Args:
        layers: The directories below; those above the last one hold overlayfs's own form.
        changes: A directory to be made for what changes.
        merged: Where the view appears; made if it is missing.
    """
    upper, scratch = changes / "upper", changes / "scratch"
    for directory in (upper, scratch):
        directory.mkdir(parents=True)
    # The view's own root takes its owner, mode and times from the upper directory.
    status = layers[0].stat()
    os.chown(upper, status.st_uid, status.st_gid)
    shutil.copystat(layers[0], upper)
    merged.mkdir(parents=True, exist_ok=True)
    # Nothing is left of it after a crash: no program needs to wait until a file is on the disk.
    options = [_lower(layers), f"upperdir={process.plain(upper)}"]
    options += [f"workdir={process.plain(scratch)}", "volatile"]
    options += _attributes()
    with _mounted(["-t", "overlay", "-o", ",".join(options), "overlay", merged], merged):
        yield Overlay(tuple(layers), upper, merged)


@contextlib.contextmanager
def frozen(files: Overlay, at: pathlib.Path) -> Iterator[None]:
    """Show what an overlay holds once more, read-only and without other mounts in it.

    An overlay gives the names of a hard link different inode numbers if the file came from below
    and was linked later. As all of its layers are lower ones here, the numbers are the files'.
    """
    at.mkdir(parents=True)
    options = [_lower((files.upper, *files.layers)), "ro", *_attributes()]
    with _mounted(["-t", "overlay", "-o", ",".join(options), "overlay", at], at):
        yield


@contextlib.contextmanager
def bind(
    source: pathlib.Path, target: pathlib.Path, *, deep: bool = False
) -> Iterator[pathlib.Path]:
    """Show a directory at another place too, with what is mounted below it if ``deep``."""
    target.mkdir(parents=True, exist_ok=True)
    with _mounted(["--rbind" if deep else "--bind", source, target], target):
        yield target


@contextlib.contextmanager
def memory(at: pathlib.Path, size: int) -> Iterator[None]:
    """Have a directory's files in memory.

    Args:
        at: The directory.
        size: Bytes that they may take.
    """
    options = f"size={size},mode=0700"
    with _mounted(["-t", "tmpfs", "-o", options, "retrofit", at], at):
        yield


@contextlib.contextmanager
def _mounted(arguments: list[str | pathlib.Path], at: pathlib.Path) -> Iterator[None]:
    """Call mount, and umount in the end, even from a directory that is still in use."""
    process.run(["mount", *arguments], timeout_s=_TOOL_TIMEOUT_S)
    try:
        yield
    finally:
        process.run(["umount", "--lazy", at], timeout_s=_TOOL_TIMEOUT_S)


def _lower(layers: Sequence[pathlib.Path]) -> str:
    return "lowerdir=" + ":".join(map(process.plain, layers))


def _attributes() -> list[str]:
    """Choose where overlayfs keeps notes: a user namespace is kept from trusted attributes."""
    ids = pathlib.Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return [] if ids == _ALL_IDS else ["userxattr"]
