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


def closed_above(path: pathlib.Path) -> pathlib.Path | None:
    """Return the outermost directory on the way to ``path`` that other users cannot enter.

    Args:
        path: An absolute path without links.
    """
    for above in reversed(path.parents):
        if not above.stat().st_mode & stat.S_IXOTH:
            return above
    return None


def lead_to(places: Iterable[pathlib.Path]) -> None:
    """Open the way to directories in the calling process's mounts, which become its own.

    Call it before the process gives up its rights. Nothing changes where no way is closed.

    Args:
        places: Directories that the workshop owns; absolute paths without links.

    Raises:
        errors.ToolMissing: The kernel or its security module refuses.
    """
    behind = {place: closed for place in places if (closed := closed_above(place)) is not None}
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
