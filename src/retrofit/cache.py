"""Where the calling user keeps what can be made or fetched again."""

from __future__ import annotations

import os
import pathlib


def of_user() -> pathlib.Path:
    """Return the project's directory in the user's cache (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "octavia-diskimage-retrofit"
