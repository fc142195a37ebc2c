"""Where the calling user and builds keep what can be made or fetched again."""

from __future__ import annotations

import pathlib

import platformdirs

_PROJECT = "octavia-diskimage-retrofit"


def of_user() -> pathlib.Path:
    """Return the project's directory in the user's cache (XDG Base Directory Specification)."""
    return platformdirs.user_cache_path(_PROJECT)


def of_builds() -> pathlib.Path:
    """Return the directory for what builds share; root's home is closed to their workshops."""
    return platformdirs.user_cache_path(_PROJECT, use_site_for_root=True)
