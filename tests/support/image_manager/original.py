"""Releases of OpenStack Image Manager: their image files, and the tool itself."""

from __future__ import annotations

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

from .. import artefacts
from ..host import web_server

_PACKAGE = "openstack-image-manager"
# Versions and the SHA-256 of their wheels.
_JULY = ("0.20260722.0", "072f0c1bef64d9a5cbc633e8bec47679485969615502a593b4498f1710159a5c")
OCTOBER = ("0.20261007.0", "db3fbd71d40de8591778eb1ccd50f12f0375cd6a526cb531fe50f112de54cb56")
PINNED = (_JULY, OCTOBER)


def pinned(version: str, digest: str) -> pathlib.Path:
    """Return the directory of a release's image files."""
    return _image_files(_unpacked(version, digest))


def command() -> tuple[list[str | pathlib.Path], dict[str, str]]:
    """Return what starts the newest pinned release, and what it needs in its environment."""
    python = artefacts.programs("image-manager") / "bin" / "python"
    start = "from openstack_image_manager import main; main.main()"
    return [python, "-c", start], {"PYTHONPATH": str(_unpacked(*OCTOBER))}


def _unpacked(version: str, digest: str) -> pathlib.Path:
    def bring(directory: pathlib.Path) -> None:
        lock = directory / "requirements.txt"
        lock.write_text(f"{_PACKAGE}=={version} --hash=sha256:{digest}\n")
        _download(directory, "--require-hashes", "--requirement", str(lock))

    return artefacts.once(f"image-manager-{version}", bring)


def newest(directory: pathlib.Path) -> pathlib.Path:
    """Return the directory of the image files that the newest release has, whatever that is."""
    _download(directory, _PACKAGE)
    return _image_files(directory)


def served(
    directory: pathlib.Path, target: pathlib.Path, server: web_server.Server, image: pathlib.Path
) -> None:
    """Copy image files, with all their images at one server, where each is the same.

    Args:
        directory: The image files of a release.
        target: Where to.
        server: The server.
        image: What each image is.
    """
    content = image.read_bytes()
    for file in directory.glob("*.yml"):
        text = re.sub(r"https?://(?=[\w.-]+/\S)", server.url, file.read_text())
        text = re.sub(
            r"\b(md5|sha1|sha256|sha512):[0-9a-f]{32,}",
            lambda found: f"{found[1]}:{hashlib.new(found[1], content).hexdigest()}",
            text,
        )
        (target / file.name).write_text(text)
        for url in re.findall(rf"{re.escape(server.url)}(\S+)", text):
            place = server.directory / url
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image, place)


def _download(directory: pathlib.Path, *words: str) -> None:
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--dest", directory, *words], check=True)
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)


def _image_files(directory: pathlib.Path) -> pathlib.Path:
    return directory / "openstack_image_manager" / "etc" / "images"
