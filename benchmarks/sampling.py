"""What is only seen while a program runs: its room on the disk, its memory, the network."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import sys
from collections.abc import Iterator

_ROUTES = pathlib.Path("/proc/net/route")
_INTERFACES = pathlib.Path("/sys/class/net")
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class Watch:
    """High-water marks of a process, its descendants and the file system they work on.

    Attributes:
        peak_disk: Bytes of the file system that were taken at most, beyond those at the start.
        own_memory: Largest resident size, in bytes, of a process that runs this Python.
    """

    def __init__(self, pid: int, place: pathlib.Path, free: int) -> None:
        """Begin to watch.

        Args:
            pid: The process.
            place: Directory on the file system that it works on.
            free: Bytes that were free there before the process began.
        """
        self.peak_disk = 0
        self.own_memory = 0
        self._pid = pid
        self._place = place
        self._free = free
        self._python = os.stat(sys.executable)

    def look(self) -> None:
        """Take a sample."""
        self.peak_disk = max(self.peak_disk, self._free - free_bytes(self._place))
        for pid in _descendants(self._pid):
            self.own_memory = max(self.own_memory, self._memory(pid))

    def _memory(self, pid: int) -> int:
        """Return the high-water mark of a process's memory, 0 if it is not this Python's.

        A build's image has a Python of its own, which is another file.
        """
        with contextlib.suppress(OSError):
            process = pathlib.Path("/proc", str(pid))
            if os.path.samestat(os.stat(process / "exe"), self._python):
                found = _HIGH_WATER.search((process / "status").read_text())
                return int(found[1]) * 1024 if found else 0
        return 0


def free_bytes(place: pathlib.Path) -> int:
    """Return the bytes that are free on the file system of a directory."""
    about = os.statvfs(place)
    return about.f_bfree * about.f_frsize


def received_bytes() -> int:
    """Return what came in through the interfaces of default routes since they are there."""
    routes = (line.split() for line in _ROUTES.read_text().splitlines()[1:])
    interfaces = {route[0] for route in routes if route[1] == "00000000"}
    counters = (_INTERFACES / name / "statistics" / "rx_bytes" for name in interfaces)
    return sum(int(counter.read_text()) for counter in counters)


def _descendants(pid: int) -> Iterator[int]:
    """Give a process and all below it that are there now."""
    yield pid
    with contextlib.suppress(OSError):
        for task in pathlib.Path("/proc", str(pid), "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _descendants(int(child))
