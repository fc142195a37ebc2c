"""Standard streams that a command can count on, whatever it is started with."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from .. import errors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_INPUT, _OUTPUT, _ERRORS = range(3)


class _Output(io.FileIO):
    """Standard output: an answer that cannot be written ends the command with a clear error."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            _drop(self.fileno())
            message = f"cannot write to standard output: {error.strerror}"
            raise errors.OutputError(message) from error


class _Errors(io.FileIO):
    """Standard error: no work is given up for words about it that cannot be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _drop(self.fileno())
            return memoryview(data).nbytes


def settle() -> None:
    """Have all three streams be open, and print what their encoding lacks in another form.

    A service manager or a hook may start a command with streams closed. Then the next file that
    it opens would be its standard output, and that of the programs it runs.
    """
    # Whatever is opened gets the lowest number that is free.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _ERRORS:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdin = sys.stdin or os.fdopen(_INPUT, encoding="utf-8", closefd=False)
    # Others than Python's own are of a test, in memory.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(_OUTPUT, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Errors(_ERRORS, "w", closefd=False), sys.stderr)


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    """Return a stream of text in the encoding of the one before; ``None`` if that was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else "utf-8",
        errors="backslashreplace",
        line_buffering=raw.isatty() or raw.fileno() == _ERRORS,
    )


def _drop(number: int) -> None:
    """Lead an open file nowhere: what is buffered for it is written once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
