"""podman as it runs here, with what it has to be told where the machine is a container itself."""

from __future__ import annotations

import os
import subprocess

_ENGINE = ("podman", "--cgroup-manager", "cgroupfs", "--runtime", "runc")
_TIMEOUT_S = 1200
# Its own limits are above what a container may set.
LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")


def call(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run podman, whatever comes of it."""
    return subprocess.run(
        [*_ENGINE, *words], text=True, capture_output=True, timeout=_TIMEOUT_S, check=False
    )


def output(*words: str | os.PathLike[str]) -> str:
    """Run podman, which has to succeed; return what it prints."""
    done = call(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout
