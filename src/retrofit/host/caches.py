"""Where the calling user and builds keep what can be made or fetched again."""

from __future__ import annotations

import pathlib

_PROJECT = "octavia-diskimage-retrofit"


def of_user() -> pathlib.Path:
    """Return the project's directory in the user's cache (XDG Base Directory Specification)."""
    return _directory(use_site_for_root=False)


def of_builds() -> pathlib.Path:
    """Return the directory for what builds share; root's home is closed to their workshops."""
    return _directory(use_site_for_root=True)


def _directory(*, use_site_for_root: bool) -> pathlib.Path:
    # Packing the charm runs a module that asks for no cache, and has no libraries.
    import platformdirs

    return platformdirs.user_cache_path(_PROJECT, use_site_for_root=use_site_for_root)
