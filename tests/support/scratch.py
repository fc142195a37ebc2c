"""A place for large files that live for seconds: in memory, where there is plenty.

Where many files were deleted within the last 35 s, ext4 takes seconds of processor time to make
new ones (``recently_deleted`` in its ``ialloc.c``), and tests that open one image after the other
do just that.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator

_DISK = pathlib.Path("/var/tmp")
_PREFIX = "retrofit-scratch-"
# Two workers' files and the machines that they boot meanwhile; most is a full file system of 4 GiB
# that is copied out.
_AMPLE = 18 * 1024**3
_SIZE = "11G"


@functools.cache
def place() -> pathlib.Path:
    """Return the directory for them; what is in memory goes with this process."""
    memory = int(re.search(r"MemAvailable: +(\d+)", _read("/proc/meminfo"))[1]) * 1024
    if memory < _AMPLE or os.geteuid() != 0:
        return _DISK
    _forget_dead()
    mounted = _DISK / f"{_PREFIX}{os.getpid()}"
    mounted.mkdir()
    tmpfs = ["mount", "-t", "tmpfs", "-o", f"mode=1777,size={_SIZE}", "tmpfs", mounted]
    subprocess.run(tmpfs, check=True)
    if not _takes_attributes(mounted):
        _unmount(mounted)
        return _DISK
    atexit.register(_unmount, mounted)
    return mounted


@contextlib.contextmanager
def directory(prefix: str) -> Iterator[pathlib.Path]:
    """Give a directory there that a build's workshop, which is another user, can enter."""
    with tempfile.TemporaryDirectory(prefix=f"{prefix}-", dir=place()) as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


def _takes_attributes(mounted: pathlib.Path) -> bool:
    """Tell whether overlays can lie there, which Linux 6.6 began to allow in a user namespace."""
    try:
        os.setxattr(mounted, "user.retrofit", b"")
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False
    return True


def _forget_dead() -> None:
    """Remove what processes left that were killed."""
    for left in _DISK.glob(f"{_PREFIX}*"):
        process = left.name.removeprefix(_PREFIX)
        if not pathlib.Path("/proc", process).exists():
            _unmount(left)


def _unmount(mounted: pathlib.Path) -> None:
    # Lazily: a process that is just ending may still look there.
    subprocess.run(["umount", "--lazy", mounted], check=False)
    with contextlib.suppress(OSError):
        mounted.rmdir()


def _read(path: str) -> str:
    return pathlib.Path(path).read_text()
