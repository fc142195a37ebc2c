"""What an ext4 was made with, read by whatever e2fsprogs are here."""

import pathlib
import subprocess

import pytest

from retrofit import errors, model
from retrofit.building.disk import inodes, superblock


def _make(directory: pathlib.Path, *options: str) -> pathlib.Path:
    """Make a file system of 30 MiB behind the first of an image."""
    raw = directory / "disk.raw"
    with raw.open("wb") as stream:
        stream.truncate(32 * model.MIB)
    words = ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", *options]
    subprocess.run([*words, "-E", f"offset={model.MIB}", raw, "30M"], check=True)
    return raw


def test_parameters_of_a_file_system_inside_an_image(tmp_path: pathlib.Path) -> None:
    found = superblock.read(_make(tmp_path, "-b", "1024", "-J", "size=2"), model.MIB)
    assert found.number("Block count") == 30 * 1024
    assert found.journal == 2 * model.MIB
    assert {"extent", "has_journal"} <= found.features


def test_a_file_system_without_a_journal(tmp_path: pathlib.Path) -> None:
    found = superblock.read(_make(tmp_path, "-O", "^has_journal"), model.MIB)
    assert found.journal == 0
    assert "has_journal" not in found.features


def test_a_place_without_a_file_system_is_an_error(tmp_path: pathlib.Path) -> None:
    raw = _make(tmp_path)
    with pytest.raises(errors.CommandError, match="tune2fs"):
        superblock.read(raw, 2 * model.MIB)


def test_links_are_found_in_the_inode_tables_of_all_groups(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(700):
        (tree / f"link-{number}").symlink_to("anywhere")
    # 8 MiB and 256 inodes in a group.
    raw = _make(tmp_path, "-b", "1024", "-N", "1024", "-d", str(tree))
    found = inodes.special(raw, model.MIB, tmp_path)
    assert len(found) == 700
    assert {path for one in found for path in one.paths} == {f"link-{n}" for n in range(700)}
