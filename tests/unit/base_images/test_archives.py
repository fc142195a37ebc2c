"""Where a base system is installed from if nobody says: by this host's apt, or what it knows."""

from __future__ import annotations

import pathlib
import platform

import pytest

from retrofit import errors
from retrofit.base_images.scratch import archives, usual_mirrors
from retrofit.host import process

_UBUNTU = """\
Suite: devel
RepositoryType: deb
BaseURI: http://devel.test/ubuntu

Suite: {series}
RepositoryType: deb-src
BaseURI: http://sources.test/ubuntu

ChangelogURI: http://changes.test/%s
Suite: {series}
RepositoryType: deb
BaseURI: http://ports.test/ubuntu-ports/
BaseURI-amd64: http://archive.test/ubuntu/
Component: main
Component: universe
"""
_DEBIAN = "Suite: {series}\nRepositoryType: deb\nBaseURI: https://debian.test/debian/\n"
_HOST = (
    "Ubuntu|http://archive.test/ubuntu/|noble|main",
    "Ubuntu|http://archive.test/ubuntu/|noble|universe",
    "Ubuntu|http://archive.test/ubuntu/|noble-updates|main",
    "Ubuntu|http://archive.test/ubuntu/|noble-backports|main",
    "Docker|https://docker.test/linux/ubuntu/|noble|stable",
)


@pytest.fixture(autouse=True)
def host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have this be a noble for amd64; gives the lines of its apt, which may be changed."""
    lines = list(_HOST)
    (tmp_path / "Ubuntu.info").write_text(_UBUNTU)
    (tmp_path / "Debian.info").write_text(_DEBIAN)
    monkeypatch.setattr(usual_mirrors, "_TEMPLATES", tmp_path)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": "noble"})
    monkeypatch.setattr(
        process, "run", lambda *_, **__: process.Completed((), 0, "\n".join(lines), ())
    )
    return lines


def _lines(*words: str) -> list[str]:
    return [one.line() for one in archives.of_release(*words)]


def test_the_hosts_own() -> None:
    assert _lines("ubuntu", "jammy", "amd64") == [
        "deb http://archive.test/ubuntu jammy main universe",
        "deb http://archive.test/ubuntu jammy-updates main universe",
    ]


def test_the_archive_of_another_architecture() -> None:
    """That of amd64 does not have it."""
    assert _lines("ubuntu", "noble", "arm64")[0] == (
        "deb http://ports.test/ubuntu-ports noble main universe"
    )


def test_a_mirror_of_ones_own_counts_for_all_architectures(host: list[str]) -> None:
    host[:] = [line.replace("archive.test", "mine.test") for line in host]

    assert _lines("ubuntu", "noble", "arm64")[0] == (
        "deb http://mine.test/ubuntu noble main universe"
    )


def test_a_distribution_that_the_host_is_not() -> None:
    assert _lines("debian", "bookworm", "arm64") == [
        "deb https://debian.test/debian bookworm main",
        "deb https://debian.test/debian bookworm-updates main",
    ]
    assert _lines("debian", "bookworm", "amd64", "http://mine.test/debian/")[0] == (
        "deb http://mine.test/debian bookworm main"
    )


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_list_of_mirrors_in_a_file(
    slashes: str, host: list[str], tmp_path: pathlib.Path
) -> None:
    mirrors = tmp_path / "debian.list"
    mirrors.write_text("# nearest first\nhttps://near.test/debian\tpriority:1\nhttp://far.test/\n")
    host[:] = [f"Debian|mirror+file:{slashes}{mirrors}/|noble|main"]

    assert _lines("debian", "bookworm", "amd64") == ["deb https://near.test/debian bookworm main"]


@pytest.mark.parametrize(
    "uri", ["cdrom:[Debian]/debian/", "mirror+file:/no/debian.list/", "file:/debian/"]
)
def test_what_nobody_can_fetch_by_its_url(uri: str, host: list[str]) -> None:
    host[:] = [f"Debian|{uri}|noble|main"]

    assert "debian.test" in _lines("debian", "bookworm", "amd64")[0]


def test_a_host_that_knows_nothing(host: list[str], tmp_path: pathlib.Path) -> None:
    host.clear()
    (tmp_path / "Debian.info").unlink()

    with pytest.raises(
        errors.ConfigError, match="no mirror of debian for amd64; set a mirror with --mirror"
    ):
        _lines("debian", "bookworm", "amd64")


def test_what_the_real_ones_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the host's, installed by the set-up."""
    monkeypatch.undo()

    assert usual_mirrors.of("ubuntu", "arm64").endswith("/ubuntu-ports")
    assert usual_mirrors.of("ubuntu", "amd64").endswith("/ubuntu")
    assert usual_mirrors.of("debian", "riscv64").endswith("/debian")
    assert usual_mirrors.of("rocky", "amd64") == ""
