"""The memory of this machine."""

from __future__ import annotations

import pathlib
import re

_MEMINFO = pathlib.Path("/proc/meminfo")


def available() -> int:
    """Return the bytes of memory that can be had without swapping (proc(5), MemAvailable)."""
    found = re.search(r"^MemAvailable: +(\d+) kB$", _MEMINFO.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
