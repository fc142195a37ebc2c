"""A place for files that live for seconds: in memory, where there is plenty.

Where many files were deleted within the last 35 s, an ext4 without a journal takes seconds of
processor time to make new ones (``recently_deleted`` in its ``ialloc.c``), and tests that build
one image after the other do just that.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator

# Where builds work, unless they are told otherwise.
PLACE = pathlib.Path("/var/tmp")
# Two workers' files, the largest being a full file system of 4 GiB that is copied out, and the
# machines that they boot meanwhile.
_AMPLE = 18 * 1024**3
_SIZE = "14G"
_CLONE_NEWNS = 0x00020000


def enter() -> None:
    """Give this process and all that it starts a :data:`PLACE` in memory, if there is plenty.

    Others see nothing of it, and nothing is left of it when the last of them has ended.
    """
    if os.geteuid() != 0 or PLACE.is_mount() or _available() < _AMPLE:
        return
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return
    subprocess.run(["mount", "--make-rslave", "/"], check=True)
    tmpfs = ["mount", "-t", "tmpfs", "-o", f"mode=1777,size={_SIZE}", "tmpfs", PLACE]
    subprocess.run(tmpfs, check=True)
    if not _takes_attributes(PLACE):
        subprocess.run(["umount", PLACE], check=True)
        return
    os.environ["TMPDIR"] = str(PLACE)


@contextlib.contextmanager
def directory(prefix: str) -> Iterator[pathlib.Path]:
    """Give a directory there that a build's workshop, which is another user, can enter."""
    with tempfile.TemporaryDirectory(prefix=f"{prefix}-", dir=PLACE) as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def file_system(place: pathlib.Path, *, mebibytes: int) -> Iterator[pathlib.Path]:
    """Mount a file system of that size, in memory, at a directory, which is made."""
    place.mkdir(exist_ok=True)
    options = f"size={mebibytes}m,mode=1777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def _available() -> int:
    """Return the bytes of memory that can be had (proc(5), MemAvailable)."""
    found = re.search(r"MemAvailable: +(\d+)", pathlib.Path("/proc/meminfo").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _takes_attributes(mounted: pathlib.Path) -> bool:
    """Tell whether overlays can lie there, which Linux 6.6 began to allow in a user namespace."""
    try:
        os.setxattr(mounted, "user.retrofit", b"")
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False
    return True
