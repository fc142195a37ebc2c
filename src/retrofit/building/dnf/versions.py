"""Compares versions as rpm does, by rpm itself (rpm-version(7))."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ... import errors
from ...host import process

_TIMEOUT_S = 60.0
_VERSION = re.compile(r"[A-Za-z0-9.+:~^_-]+")
# Lua has neither tabs nor percent signs in patterns that rpm would leave alone.
_PROGRAM = (
    "%{lua: for line in io.lines() do"
    ' local at = line:find(" ", 1, true)'
    ' print(rpm.vercmp(line:sub(1, at - 1), line:sub(at + 1)) .. "\\n") end}'
)


def newer(pairs: Iterable[tuple[str, str]]) -> list[bool]:
    """Tell of each pair of versions, with their epochs, whether the second is newer.

    Raises:
        errors.CommandError: rpm failed.
        errors.ImageError: A version has characters that none can have.
        errors.ToolMissing: This machine has no rpm.
    """
    listed = list(pairs)
    for version in (one for pair in listed for one in pair):
        if _VERSION.fullmatch(version) is None:
            raise errors.ImageError(f"a package has the version {version!r}, which cannot be one")
    if not listed:
        return []
    text = "".join(f"{first} {second}\n" for first, second in listed)
    answer = process.run(
        ["rpm", "--eval", _PROGRAM], timeout_s=_TIMEOUT_S, text_input=text, confidential=True
    ).stdout
    return [line == "-1" for line in answer.split()]
