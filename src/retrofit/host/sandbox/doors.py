"""Ways for a workshop into directories behind one that is closed to it, such as root's home.

Root of a workshop is another user to the files of the host's root, and so cannot enter a directory
of mode 0700, whatever lies below. In the mounts of a workshop an empty directory stands in place
of the closed one, with nothing in it but the way to what the workshop works in.
"""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Iterable

from . import namespaces


def closed_above(path: pathlib.Path, owner: int) -> pathlib.Path | None:
    """Return the outermost directory on the way to ``path`` that the workshop cannot enter.

    Args:
        path: An absolute path without links.
        owner: User id of the workshop's root, outside of it.
    """
    for above in reversed(path.parents):
        status = above.stat()
        enters = stat.S_IXUSR if status.st_uid == owner else stat.S_IXOTH
        if not status.st_mode & enters:
            return above
    return None


def lead_to(places: Iterable[pathlib.Path], owner: int) -> None:
    """Open the way to directories in the calling process's mounts, which become its own.

    Call it before the process gives up its rights. Nothing changes where no way is closed.

    Args:
        places: Directories that the workshop owns; absolute paths without links. Of one that
            is in another that it owns, the whole of the outer one is led to.
        owner: User id of the workshop's root, outside of it.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    owned = {_outermost(place, owner) for place in places}
    behind = {
        place: closed for place in owned if (closed := closed_above(place, owner)) is not None
    }
    if not behind:
        return
    namespaces.unshare(namespaces.NEW_MOUNT)
    namespaces.detach_mounts()
    handles = {place: os.open(place, os.O_PATH | os.O_DIRECTORY) for place in behind}
    for closed in set(behind.values()):
        namespaces.cover(closed)
    for place, handle in handles.items():
        place.mkdir(parents=True)
        namespaces.bind(pathlib.Path(f"/proc/self/fd/{handle}"), place)
        os.close(handle)


def _outermost(place: pathlib.Path, owner: int) -> pathlib.Path:
    """Return the outermost directory on the way to a place that an owner has, itself included."""
    way = [*reversed(place.parents), place]
    return next((path for path in way if path.stat().st_uid == owner), place)
