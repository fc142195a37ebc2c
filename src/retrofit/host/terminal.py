"""The terminal of the person who runs a command: programs that the person uses there."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence

from . import process


def is_there() -> bool:
    """Tell whether standard input, output and error are a terminal."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Leave the terminal as it is now, even if a program that uses it is killed."""
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def use(argv: Sequence[str], environment: Mapping[str, str], *, greeting: str) -> None:
    """Have the person use a program to its end, however that ends.

    The program has a terminal of its own, whose input and output are copied: it cannot type
    anything into the person's.

    Args:
        argv: The program and its arguments.
        environment: All its variables.
        greeting: Printed before it starts.
    """
    sys.stdout.write(f"{greeting}\n")
    sys.stdout.flush()
    # It gets the variables of this process.
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        pty.spawn([process.find(argv[0]), *argv[1:]])
    finally:
        os.environ.clear()
        os.environ.update(before)
