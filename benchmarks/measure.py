"""Runs a command and measures what it costs."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any


@dataclasses.dataclass(frozen=True)
class Measured:
    """A command that ended well.

    Attributes:
        output: The JSON document that it printed.
        wall_s: Elapsed seconds.
        cpu_s: Processor seconds of it and all its children.
        peak_memory: Largest resident size of one of its processes, in bytes.
    """

    output: Any
    wall_s: float
    cpu_s: float
    peak_memory: int


def retrofit(*arguments: str | pathlib.Path) -> Measured:
    """Measure ``retrofit`` with these arguments, and ``--json``."""
    begun = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "retrofit", *arguments, "--json"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    output = child.stdout.read()
    # Unlike Popen.wait, it tells what this child and those it waited for have used.
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begun
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"retrofit {' '.join(map(str, arguments))} failed")
    return Measured(
        output=json.loads(output),
        wall_s=round(wall, 1),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 1),
        # Linux counts ru_maxrss in KiB (getrusage(2)).
        peak_memory=usage.ru_maxrss * 1024,
    )
