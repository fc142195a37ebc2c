"""Releases of OpenStack Image Manager, of which tests read the image files."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

from .. import artefacts

_PACKAGE = "openstack-image-manager"
# Versions and the SHA-256 of their wheels.
_JULY = ("0.20260722.0", "072f0c1bef64d9a5cbc633e8bec47679485969615502a593b4498f1710159a5c")
OCTOBER = ("0.20261007.0", "db3fbd71d40de8591778eb1ccd50f12f0375cd6a526cb531fe50f112de54cb56")
PINNED = (_JULY, OCTOBER)


def pinned(version: str, digest: str) -> pathlib.Path:
    """Return the directory of a release's image files."""

    def bring(directory: pathlib.Path) -> None:
        lock = directory / "requirements.txt"
        lock.write_text(f"{_PACKAGE}=={version} --hash=sha256:{digest}\n")
        _download(directory, "--require-hashes", "--requirement", str(lock))

    return _unpacked(artefacts.once(f"image-manager-{version}", bring))


def newest(directory: pathlib.Path) -> pathlib.Path:
    """Return the directory of the image files that the newest release has, whatever that is."""
    _download(directory, _PACKAGE)
    return _unpacked(directory)


def _download(directory: pathlib.Path, *words: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--dest", directory, *words], check=True)
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)


def _unpacked(directory: pathlib.Path) -> pathlib.Path:
    return directory / "openstack_image_manager" / "etc" / "images"
