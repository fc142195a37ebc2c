"""Standard streams that a command can count on, whatever it is started with."""

from __future__ import annotations

import io
import os
import sys


def settle() -> None:
    """Have all three streams be open, and print what their encoding lacks in another form.

    A service manager or a hook may start a command with streams closed. Then the next file that
    it opens would be its standard output, and that of the programs it runs.
    """
    # Whatever is opened gets the lowest number that is free.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
