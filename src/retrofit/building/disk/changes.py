"""What an overlay changed, read from its own upper directory."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import stat
from collections.abc import Sequence

from ...host import files, trees
from . import mounts

_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")


@dataclasses.dataclass(frozen=True)
class Difference:
    """How a tree differs from the one below it.

    Attributes:
        removed: Paths that are gone, or that are something else now; directories with all below.
        changed: Paths that are new or changed, directories before what is in them.
    """

    removed: tuple[str, ...]
    changed: tuple[str, ...]


def names(tree: pathlib.Path) -> frozenset[str]:
    """Return the paths of everything below a directory but what is in its ``dev``."""
    return frozenset(path for path, _ in trees.walk(tree) if not path.startswith("dev/"))


def difference(files: mounts.Overlay) -> Difference:
    """Tell what changed in an overlay over one directory.

    A whiteout (a character device 0:0) stands for a path that is gone; an opaque directory hides
    what the directory below has under its name.
    """
    removed: list[str] = []
    changed: list[str] = ["."]
    pending = [""]
    while pending:
        prefix = pending.pop()
        for entry in sorted(os.scandir(files.upper / prefix), key=lambda entry: entry.name):
            path = prefix + entry.name
            status = entry.stat(follow_symlinks=False)
            below = files.layers[0] / path
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                removed.append(path)
                continue
            changed.append(path)
            if not entry.is_dir(follow_symlinks=False):
                if below.is_dir() and not below.is_symlink():
                    removed.append(path)
                continue
            if os.path.lexists(below) and (_is_opaque(entry.path) or not _is_directory(below)):
                removed.append(path)
            pending.append(path + "/")
    return Difference(removed=tuple(removed), changed=tuple(changed))


def digest(upper: pathlib.Path, ignored: Sequence[str]) -> str:
    """Return the SHA-256 of what changed: names, kinds, modes, owners, content and attributes.

    Args:
        upper: Upper directory of an overlay, or a plain directory.
        ignored: Paths in it that do not count, with all below.
    """
    total = hashlib.sha256()
    for path, entry in trees.walk(upper, without=ignored):
        line = f"{path}\0{_describe(pathlib.Path(entry))}\n"
        total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


def _describe(path: pathlib.Path) -> str:
    """Return all of a file but its times, in one line."""
    status = path.lstat()
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        content = files.digest(path, "sha256")
    attributes = [
        (name, os.getxattr(path, name, follow_symlinks=False).hex())
        for name in sorted(os.listxattr(path, follow_symlinks=False))
        # The others are overlayfs's notes of where a file came from.
        if ".overlay." not in name or name in _OPAQUE
    ]
    owner = (status.st_uid, status.st_gid)
    return f"{status.st_mode:o} {owner} {status.st_rdev} {content!r} {attributes}"


def _is_directory(path: pathlib.Path) -> bool:
    """Tell whether a path is a directory and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _is_opaque(directory: str) -> bool:
    """Tell whether overlayfs hides what lies below a directory of an upper layer."""
    return any(name in os.listxattr(directory) for name in _OPAQUE)
