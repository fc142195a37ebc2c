"""What a build does by the package manager of the system in an image."""

from __future__ import annotations

from ...model import releases
from . import debian, manager, redhat

PackageManager = manager.PackageManager


def of(distribution: str) -> manager.PackageManager:
    """Return the package manager of a distribution, such as ``debian`` or ``rocky``."""
    return redhat.Dnf() if distribution in releases.RED_HAT else debian.Apt()
