"""One way to write a file: whole or not at all, with the mode it is to have."""

from __future__ import annotations

import os
import pathlib
import tempfile

from .. import errors


def write(path: pathlib.Path, text: str, *, mode: int) -> None:
    """Put ``text`` into ``path`` at once; who reads sees the previous content or all of the new.

    Args:
        path: File to write; a previous one is replaced.
        text: What it is to hold.
        mode: Its permissions, whatever the umask says.

    Raises:
        errors.OutputError: It cannot be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    temporary = pathlib.Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise errors.OutputError(f"cannot write {path}: {error.strerror}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
