"""The password of root of an image: read where nobody else sees it, and hashed at once."""

from __future__ import annotations

import os
import pathlib
import sys

from .. import errors
from ..host import process

SOURCES = "a file with the password, - for standard input, or env:NAME for a variable"
_STANDARD_INPUT = "-"
_VARIABLE = "env:"
_TIMEOUT_S = 60.0


def read(source: str) -> str:
    """Return the hash of a password.

    Args:
        source: A path, ``-`` or ``env:NAME``. It is repeated in no message, as somebody may take
            it for the password.

    Raises:
        errors.InputMissing: There is no password at the source.
    """
    if source == _STANDARD_INPUT:
        text = sys.stdin.readline()
    elif source.startswith(_VARIABLE):
        text = os.environ.get(source.removeprefix(_VARIABLE), "")
    else:
        try:
            text = pathlib.Path(source).read_text(encoding="utf-8")
        except (OSError, ValueError):
            text = ""
    password = (text.splitlines() or [""])[0]
    if not password:
        raise errors.InputMissing(
            "there is no root password where it is to be read from", hint=f"give {SOURCES}"
        )
    return hashed(password)


def hashed(password: str) -> str:
    """Return the hash of a password in the form of crypt(5), by SHA-512 with a random salt."""
    completed = process.run(
        ["openssl", "passwd", "-6", "-stdin"],
        timeout_s=_TIMEOUT_S,
        text_input=f"{password}\n",
        confidential=True,
    )
    return completed.stdout.strip()
