"""Images from a package mirror in one go, as Octavia's script makes them."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping

import pytest
from tests.support import paths, scratch
from tests.support.building import contents, ubuntu_archive, ubuntu_hosts
from tests.support.cli import podman

_PROGRAMS = pathlib.Path(sys.executable).parent
_GIB = 2**30
# What octavia's image-tests.sh looks for.
_PACKAGES = {"haproxy", "keepalived"}
_INSTALLED = "install ok installed"
_DISKS = ("qcow2", "vhd")
_TREES = ("tgz", "squashfs", "oci")
_BESIDE = ("sha256", "manifest", "cdx.json")


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    """Return an empty directory with room for disks."""
    with scratch.directory("create") as directory:
        yield directory


@pytest.fixture
def cache() -> pathlib.Path:
    """Return a directory that keeps installed base systems from one run to the next."""
    directory = paths.cache() / "created"
    directory.mkdir(exist_ok=True)
    return directory


def _run(
    place: pathlib.Path, *command: str | pathlib.Path, environment: Mapping[str, str] | None = None
) -> str:
    """Run one of the commands that the project installs; return what it printed."""
    program, *words = command
    (place / "work").mkdir()
    (place / "files").mkdir()
    completed = subprocess.run(
        [_PROGRAMS / program, *words],
        cwd=place / "files",
        env=os.environ | {"TMPDIR": str(place / "work")} | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert not list((place / "work").iterdir())
    return completed.stdout


def _is_amphora(image: pathlib.Path, place: pathlib.Path, *release: str) -> None:
    """Hold an image against what octavia's image-tests.sh asks of one."""
    assert _about(image)["virtual-size"] == 2 * _GIB
    look = place / "look"
    look.mkdir()
    with contents.mounted(image, look) as root:
        assert set(release) <= set(shlex.split((root / "etc/os-release").read_text()))
        packages = contents.look(root).packages
        assert packages.keys() >= _PACKAGES
        assert {packages[name]["Status"] for name in _PACKAGES} == {_INSTALLED}
        assert packages["haproxy"]["Architecture"] == "amd64"
        assert list((root / "boot").glob("vmlinuz-*"))
        assert (root / "usr/bin/amphora-agent").exists()


def _about(image: pathlib.Path) -> dict[str, object]:
    command = ["qemu-img", "info", "--output=json", image]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def _beside(image: pathlib.Path) -> set[pathlib.Path]:
    return {image.with_name(f"{image.name}.{suffix}") for suffix in _BESIDE}


def _sums_match(place: pathlib.Path) -> None:
    sums = sorted((place / "files").glob("*.sha256"))
    subprocess.run(["sha256sum", "--check", "--quiet", *sums], cwd=place / "files", check=True)


@pytest.mark.slow
def test_ubuntu_without_arguments(place: pathlib.Path, cache: pathlib.Path) -> None:
    series = ubuntu_archive.NOBLE
    keys = place / "ubuntu.gpg"
    keys.write_bytes((ubuntu_archive.archive(series) / "keys/ubuntu.gpg").read_bytes())

    with ubuntu_hosts.serving(series) as hosts:
        hosts.time = ubuntu_archive.Time.BUILD
        # This machine cannot know the keys of what passes for Ubuntu, nor reach its hosts.
        surroundings = {"http_proxy": hosts.url, "DIB_APT_KEYRING": str(keys)}
        _run(
            place,
            "diskimage-create",
            environment=surroundings | {"AMP_CACHEDIR": str(cache)},
        )

    image = place / "files/amphora-x64-haproxy.qcow2"
    assert set((place / "files").iterdir()) == {image, *_beside(image)}
    _sums_match(place)
    _is_amphora(image, place, "ID=ubuntu", "VERSION_ID=24.04")


@pytest.mark.slow
def test_debian_in_several_formats(place: pathlib.Path, cache: pathlib.Path) -> None:
    formats = (*_DISKS, *_TREES)

    _run(
        place,
        *("diskimage-create", "-i", "debian", "-d", "bookworm", "-o", "amphora"),
        *("-t", ",".join(formats), "-c", cache),
    )

    files = {one: place / "files" / f"amphora.{one}" for one in formats}
    beside = {one for path in files.values() for one in _beside(path)}
    assert set((place / "files").iterdir()) == {*files.values(), *beside}
    _sums_match(place)
    for one in _DISKS[1:]:
        subprocess.run(["qemu-img", "compare", "-q", files["qcow2"], files[one]], check=True)
    names = _in_tar(files["tgz"])
    assert {"usr/sbin/haproxy", "usr/bin/amphora-agent", "etc/os-release"} <= names
    assert _in_squashfs(files["squashfs"]) == names
    _is_amphora(files["qcow2"], place, "ID=debian", "VERSION_ID=12")
    _is_told(files["qcow2"])
    assert "HAProxy version" in _in_container(files["oci"], "haproxy", "-v")


def _is_told(image: pathlib.Path) -> None:
    """Hold what lies beside an image against each other."""
    listed = json.loads(image.with_name(f"{image.name}.manifest").read_text())["packages"]
    bill = json.loads(image.with_name(f"{image.name}.cdx.json").read_text())
    main = bill["metadata"]["component"]
    assert main["name"] == image.name
    digest = image.with_name(f"{image.name}.sha256").read_text().split()[0]
    assert main["hashes"] == [{"alg": "SHA-256", "content": digest}]
    told = sorted((one["package"], one["version"]) for one in listed)
    assert told == sorted((one["name"], one["version"]) for one in bill["components"])
    assert {name for name, _ in told} >= _PACKAGES


def _in_container(archive: pathlib.Path, *command: str) -> str:
    """Run a command in a container image; return what it prints."""
    loaded = podman.output("load", "--quiet", "--input", archive).strip().rpartition(" ")[2]
    try:
        return podman.output("run", "--rm", "--network=none", *podman.LIMITS, loaded, *command)
    finally:
        podman.output("rmi", "--force", loaded)


def _in_tar(file: pathlib.Path) -> set[str]:
    with tarfile.open(file) as archive:
        return {name.removeprefix("./") for name in archive.getnames()} - {".", ""}


def _in_squashfs(file: pathlib.Path) -> set[str]:
    listing = subprocess.run(
        ["unsquashfs", "-quiet", "-l", "-d", "", file],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {line.lstrip("/") for line in listing.stdout.splitlines()} - {""}
