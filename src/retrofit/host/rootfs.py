"""Files of a system that is not the running one: links in it lead nowhere but inside it.

A base image is not trusted. A link in it to ``/home`` must not have the engine read or write the
host's, so every path in a tree is resolved here, before the file is touched.
"""

from __future__ import annotations

import os
import pathlib

from .. import errors
from . import trees

_MAX_LINKS = 40


def resolve(root: pathlib.Path, path: str, *, follow_last: bool = True) -> pathlib.Path:
    """Return where a path of the system in ``root`` is, following links as that system would.

    Args:
        root: Directory that is the system's ``/``.
        path: Path in the system, absolute or relative to its ``/``; it need not exist.
        follow_last: Whether a link at the very end is followed, too.

    Raises:
        errors.ImageError: The links go in circles.
    """
    done: list[str] = []
    pending = list(reversed(path.split("/")))
    links = 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del done[-1:]
            continue
        here = root.joinpath(*done, part)
        if here.is_symlink() and (follow_last or any(pending)):
            links += 1
            if links > _MAX_LINKS:
                raise errors.ImageError(f"too many symbolic links in the path {path} of the image")
            target = os.readlink(here)
            if target.startswith("/"):
                done.clear()
            pending.extend(reversed(target.split("/")))
            continue
        done.append(part)
    return root.joinpath(*done)


def read(root: pathlib.Path, path: str) -> str | None:
    """Return the text of a file, ``None`` when there is none."""
    file = resolve(root, path)
    return file.read_text(encoding="utf-8", errors="surrogateescape") if file.is_file() else None


def write(root: pathlib.Path, path: str, text: str, *, mode: int = 0o644) -> None:
    """Write a file, and the directories above it where they are missing.

    Raises:
        errors.ImageError: Something else than a file is there.
    """
    file = resolve(root, path)
    if file.exists() and not file.is_file():
        # Opening a pipe would wait for its other end for ever.
        raise errors.ImageError(f"{path} in the image is not a file")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    file.chmod(mode)


def remove(root: pathlib.Path, path: str) -> None:
    """Remove a file, link or directory with all in it, if it is there."""
    file = resolve(root, path, follow_last=False)
    if file.is_dir() and not file.is_symlink():
        trees.remove(file)
    else:
        file.unlink(missing_ok=True)


def entries(root: pathlib.Path, path: str) -> list[str]:
    """Return the paths of what stands in a directory, sorted; nothing when there is none."""
    directory = resolve(root, path)
    if not directory.is_dir():
        return []
    return sorted(f"{path.rstrip('/')}/{entry.name}" for entry in directory.iterdir())
