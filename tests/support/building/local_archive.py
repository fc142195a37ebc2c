"""A signed package archive of a few tiny packages, and a small system that can use it.

The archive has the suites of Ubuntu's noble and a pocket of the Ubuntu Cloud Archive; beside it
is what it becomes later, with a newer version of every package. The system is a small Debian whose
apt is set up as in Ubuntu's noble images.
"""

from __future__ import annotations

import functools
import itertools
import os
import pathlib
import shutil
import tempfile

from retrofit.host import process

from .. import artefacts
from ..base_images import stream_tree
from . import debs, suites

SUITES = ("noble", "noble-updates", "noble-security", "noble-updates/testpocket")
POCKET = "testpocket"
# Below what archive() returns; each has versions of its own.
NOW, LATER = "ubuntu", "later/ubuntu"
_VERSIONS = {NOW: "1", LATER: "2"}
_LATER_S = 3600
KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
SOURCES = "etc/apt/sources.list.d/ubuntu.sources"
# As Ubuntu's cloud images have it.
_NOBLE_SOURCES = f"""\
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble noble-updates
Components: main
Signed-By: /{KEYRING}

Types: deb
URIs: http://security.ubuntu.com/ubuntu/
Suites: noble-security
Components: main
Signed-By: /{KEYRING}
"""
_INCLUDED = "ca-certificates,python3,python3-yaml,rsync"
_TIMEOUT_S = 900.0


@functools.cache
def archive() -> pathlib.Path:
    """Return the directory of the archive: a mirror serves ``NOW`` or ``LATER`` below it."""
    makers = (pathlib.Path(module) for module in (__file__, debs.__file__, suites.__file__))
    return artefacts.once(f"archive-{artefacts.digest(*makers)}", _make_archive)


@functools.cache
def system() -> pathlib.Path:
    """Return a tar file with the system."""
    made_from = artefacts.digest(_INCLUDED, _NOBLE_SOURCES)
    return artefacts.once(f"small-system-{made_from}", _make_system) / "system.tar"


def bring(work: pathlib.Path) -> None:
    """Put what :func:`unpack` needs within reach of a workshop."""
    for source in (system(), archive() / "key.gpg"):
        shutil.copy(source, work)
        (work / source.name).chmod(0o644)


def unpack(work: pathlib.Path, into: pathlib.Path) -> None:
    """Unpack the system, with the archive's key and without device nodes, into a new directory."""
    into.mkdir()
    tar = work / "system.tar"
    words = ["tar", "--extract", "--file", tar, "--directory", into, "--exclude=./dev/*"]
    process.run(words, timeout_s=_TIMEOUT_S)
    shutil.copy(work / "key.gpg", into / KEYRING)


def _make_system(directory: pathlib.Path) -> None:
    tar = directory / "system.tar"
    words = ["mmdebstrap", "--variant=apt", f"--include={_INCLUDED}", "bookworm", os.fspath(tar)]
    # Recommended packages would only make it larger.
    process.run(
        [*words, "--customize-hook=rm -f $1/etc/apt/sources.list", *_sources_hook(directory)],
        timeout_s=_TIMEOUT_S,
    )


def _sources_hook(directory: pathlib.Path) -> list[str]:
    sources = directory / "ubuntu.sources"
    sources.write_text(_NOBLE_SOURCES)
    return [f"--customize-hook=copy-in {sources} /etc/apt/sources.list.d"]


def _make_archive(directory: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        signer = stream_tree.Signer(pathlib.Path(home, "own"))
        shutil.copy(signer.keyring, directory / "key.gpg")
        for time, suite in itertools.product((NOW, LATER), SUITES):
            _make_suite(directory / time, suite, signer, _VERSIONS[time])
        signer.close()
    # Web servers tell by whole seconds what is newer.
    for path in (directory / NOW).rglob("*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - _LATER_S))


def _make_suite(
    mirror: pathlib.Path, suite: str, signer: stream_tree.Signer, version: str
) -> None:
    """Make one suite, with a package whose name tells it."""
    name = suite.replace("/", "-")
    content = {f"from-{name}": {f"usr/share/from/{name}": b"here\n"}}
    if suite == SUITES[0]:
        key = signer.keyring.read_bytes()
        content["ubuntu-cloud-keyring"] = {"usr/share/keyrings/ubuntu-cloud-keyring.gpg": key}
        content["grub-noble"] = {"usr/share/from/grub": b"here\n"}
    for package, files in content.items():
        debs.make(mirror / "pool" / name, debs.Package(package, version, files=files))
    suites.write(mirror, suite, {"main": suites.index(mirror, f"pool/{name}")}, signer)
