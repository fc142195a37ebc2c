"""Keeps workshops from importing modules: where only root may enter, they could read none.

``python -m tests.support.host.closed_workshops MODULE …`` runs a module so.
"""

from __future__ import annotations

import os
import runpy
import sys

# Read from where the system's packages are, which all may enter, and not before it is needed.
_OF_THE_SYSTEM = ("guestfs", "libguestfsmod")


def close() -> None:
    """Have every workshop of this process and its children fail that imports a module."""
    here = os.getpid()

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        # A workshop's first process is the first one of its namespace.
        if event == "import" and os.getpid() == 1 != here and arguments[0] not in _OF_THE_SYSTEM:
            raise ImportError(f"a workshop imports {arguments[0]}, which it may be unable to read")

    sys.addaudithook(refuse)


if __name__ == "__main__":
    close()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
