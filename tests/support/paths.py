"""Where tests keep what is costly to make."""

from __future__ import annotations

import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def cache() -> pathlib.Path:
    """Return the directory of artefacts that outlive a test run; it may be deleted at any time."""
    default = pathlib.Path.home() / ".cache" / "octavia-diskimage-retrofit-tests"
    directory = pathlib.Path(os.environ.get("RETROFIT_TEST_CACHE", default))
    directory.mkdir(parents=True, exist_ok=True)
    return directory
