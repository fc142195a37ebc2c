"""Makes what is costly once, and keeps it in the cache under a name that tells its inputs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator

from . import paths

# Python of the distribution: an environment outlives whatever environment runs the tests.
_PYTHON = "/usr/bin/python3"


def digest(*parts: pathlib.Path | str) -> str:
    """Return a short hash of texts, files and of all files below directories."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(part.encode())
            continue
        assert part.exists(), f"{part} is not there to be counted"
        for file in [part] if part.is_file() else sorted(_sources(part)):
            total.update(os.fsencode(file.relative_to(part)) + b"\0")
            total.update(file.read_bytes() if file.is_file() else os.fsencode(file.readlink()))
    return total.hexdigest()[:16]


def once(name: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Return the directory ``name`` of the cache, which ``make`` fills if it is not there.

    A directory that ``make`` did not finish is made again; two test runs may ask at once.
    """
    directory = paths.cache() / name
    done = directory.with_name(name + ".done")
    with _locked(directory.with_name(name + ".lock")):
        if not done.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            make(directory)
            done.touch()
    return directory


def programs(name: str) -> pathlib.Path:
    """Return the virtual environment of ``requirements/<name>.txt``."""
    lock = paths.REPOSITORY / "requirements" / f"{name}.txt"
    version = subprocess.run([_PYTHON, "-VV"], check=True, stdout=subprocess.PIPE).stdout

    def install(directory: pathlib.Path) -> None:
        subprocess.run([_PYTHON, "-m", "venv", directory], check=True)
        pip = [directory / "bin" / "pip", "install", "-qq", "--require-hashes"]
        environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
        subprocess.run([*pip, "--requirement", lock], check=True, env=environment)

    return once(f"{name}-programs-{digest(version.decode(), lock)}", install)


def _sources(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in directory.rglob("*"):
        if "__pycache__" not in path.parts and (path.is_symlink() or path.is_file()):
            yield path


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
