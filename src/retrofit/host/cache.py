"""Where the calling user and builds keep what can be made or fetched again."""

from __future__ import annotations

import os
import pathlib


def of_user() -> pathlib.Path:
    """Return the project's directory in the user's cache (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "octavia-diskimage-retrofit"


def of_builds() -> pathlib.Path:
    """Return the directory for what builds share; root's home is closed to their workshops."""
    if os.geteuid() == 0:
        return pathlib.Path("/var/cache/octavia-diskimage-retrofit")
    return of_user()
