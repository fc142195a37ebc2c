"""The wheel, and an environment with it and nothing else, not even pip."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from .. import paths

PYTHON = "/usr/bin/python3"
TOOLS = pathlib.Path(sys.executable).parent


def wheel(directory: pathlib.Path) -> pathlib.Path:
    """Build the wheel into a directory, as ``make wheel`` does."""
    subprocess.run([paths.REPOSITORY / "tools" / "wheel", directory], check=True)
    [built] = directory.glob("*.whl")
    return built


def environment(built: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """Install a wheel into an environment that is made at a directory."""
    uv = [TOOLS / "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", PYTHON, directory], check=True)
    # The versions that the other tests have: what is the newest today is no matter of these.
    versions = ["--constraint", paths.REPOSITORY / "requirements" / "run.txt"]
    words = ["pip", "install", "--python", directory, *versions, built]
    subprocess.run([*uv, *words], check=True)
    return directory
