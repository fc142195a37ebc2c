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

from retrofit.host import process

from .. import artefacts

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
    return artefacts.once(f"archive-{artefacts.digest(pathlib.Path(__file__))}", _make_archive)


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
    home = directory / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", os.fspath(home), "--batch", "--quiet"]
    _run([*gpg, "--passphrase", "", "--quick-generate-key", "Test archive", "ed25519", "sign"])
    _run([*gpg, "--output", os.fspath(directory / "key.gpg"), "--export"])
    for time, suite in itertools.product((NOW, LATER), SUITES):
        mirror = directory / time
        _make_suite(mirror, suite, directory / "key.gpg", _VERSIONS[time])
        release = mirror / "dists" / suite / "Release"
        clearsigned = os.fspath(release.with_name("InRelease"))
        _run([*gpg, "--output", clearsigned, "--clearsign", os.fspath(release)])
        detached = os.fspath(release.with_name("Release.gpg"))
        _run([*gpg, "--output", detached, "--armor", "--detach-sign", os.fspath(release)])
    # Web servers tell by whole seconds what is newer.
    for path in (directory / NOW).rglob("*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - _LATER_S))
    _run(["gpgconf", "--homedir", os.fspath(home), "--kill", "all"])


def _make_suite(mirror: pathlib.Path, suite: str, key: pathlib.Path, version: str) -> None:
    """Make one suite, with a package whose name tells it."""
    name = suite.replace("/", "-")
    pool = mirror / "pool" / name
    pool.mkdir(parents=True)
    _make_package(pool, f"from-{name}", {f"usr/share/from/{name}": b"here\n"}, version)
    if suite == SUITES[0]:
        content = {"usr/share/keyrings/ubuntu-cloud-keyring.gpg": key.read_bytes()}
        _make_package(pool, "ubuntu-cloud-keyring", content, version)
        _make_package(pool, "grub-noble", {"usr/share/from/grub": b"here\n"}, version)
    binary = mirror / "dists" / suite / "main/binary-amd64"
    binary.mkdir(parents=True)
    packages = _run(["apt-ftparchive", "packages", f"pool/{name}"], cwd=mirror)
    (binary / "Packages").write_text(packages)
    options = {"Suite": suite, "Codename": suite, "Components": "main", "Architectures": "amd64"}
    words = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in options.items()]
    text = _run(["apt-ftparchive", *words, "release", f"dists/{suite}"], cwd=mirror)
    (mirror / "dists" / suite / "Release").write_text(text)


def _make_package(pool: pathlib.Path, name: str, content: dict[str, bytes], version: str) -> None:
    root = pool / "tree"
    for path, data in content.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(data)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: Test <test@example.com>\nDescription: made by a test\n"
    )
    _run(["dpkg-deb", "--root-owner-group", "--build", os.fspath(root), os.fspath(pool)])
    shutil.rmtree(root)


def _run(words: list[str], cwd: pathlib.Path | None = None) -> str:
    return process.run(words, timeout_s=_TIMEOUT_S, cwd=cwd).stdout
