"""What sealing takes away, and what it leaves."""

from __future__ import annotations

import pathlib

import pytest

from retrofit.building import seal

GONE = """
etc/ssh/ssh_host_rsa_key
etc/ssh/ssh_host_ed25519_key.pub
root/.bash_history
root/.cache/pip/file
run/systemd/file
tmp/.hidden/file
var/cache/apt/archives/haproxy.deb
var/cache/apt/pkgcache.bin
var/lib/apt/lists/mirror_dists_bookworm_InRelease
var/lib/cloud/data/instance-id
var/lib/cloud/instances/i-1/user-data.txt
var/lib/dhcp/dhclient.leases
var/lib/systemd/random-seed
var/log/apt/history.log
var/log/dpkg.log
var/log/journal/0123456789abcdef/system.journal
var/tmp/file
""".split()
EMPTY = ["etc/machine-id", "var/log/btmp", "var/log/lastlog", "var/log/wtmp"]
KEPT = """
etc/ssh/sshd_config
root/.bashrc
usr/bin/program
var/cache/debconf/config.dat
var/lib/apt/extended_states
var/lib/cloud/seed/nocloud/meta-data
var/lib/dpkg/status
""".split()
KEPT_DIRECTORIES = """
run tmp var/cache/apt/archives/partial var/lib/apt/lists/partial
var/lib/dhcp var/log/apt var/log/journal
""".split()


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a tree that was used."""
    for path in (*GONE, *EMPTY, *KEPT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"content of {path}\n")
    for path in KEPT_DIRECTORIES:
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
    return tmp_path


def test_what_belongs_to_a_machine_or_the_build_goes(tree: pathlib.Path) -> None:
    seal.seal(tree)
    assert [path for path in GONE if (tree / path).exists()] == []
    assert not any((tree / "tmp").iterdir())


def test_what_must_be_there_is_empty(tree: pathlib.Path) -> None:
    seal.seal(tree)
    assert [(tree / path).read_text() for path in EMPTY] == ["", "", "", ""]


def test_everything_else_stays(tree: pathlib.Path) -> None:
    seal.seal(tree)
    assert [(tree / path).read_text() for path in KEPT] == [
        f"content of {path}\n" for path in KEPT
    ]
    assert [path for path in KEPT_DIRECTORIES if not (tree / path).is_dir()] == []


def test_sealing_adds_nothing_to_an_empty_tree(tmp_path: pathlib.Path) -> None:
    seal.seal(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sealing_twice_is_sealing_once(tree: pathlib.Path) -> None:
    seal.seal(tree)
    once = sorted(tree.rglob("*"))
    seal.seal(tree)
    assert sorted(tree.rglob("*")) == once


def test_a_machine_id_that_is_missing_is_there_and_empty(tree: pathlib.Path) -> None:
    (tree / "etc/machine-id").unlink()
    seal.seal(tree)
    assert (tree / "etc/machine-id").read_text() == ""


def test_dbus_shares_the_machine_id(tree: pathlib.Path) -> None:
    (tree / "var/lib/dbus").mkdir()
    (tree / "var/lib/dbus/machine-id").write_text("0123456789abcdef\n")
    seal.seal(tree)
    assert (tree / "var/lib/dbus/machine-id").readlink() == pathlib.Path("/etc/machine-id")


def test_links_of_the_image_lead_to_no_file_of_the_host(tree: pathlib.Path) -> None:
    outside = tree.parent / f"{tree.name}-outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tree / "var/tmp/file").unlink()
    (tree / "var/tmp").rmdir()
    (tree / "var/tmp").symlink_to(outside)
    (tree / "var/log/link").symlink_to(outside / "kept")
    seal.seal(tree)
    assert (outside / "kept").exists()
