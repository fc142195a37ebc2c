"""Paths in a tree: links in it lead nowhere but inside it."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrofit import errors
from retrofit.host import rootfs


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a tree beside a directory that is none of its business."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host/secret").write_text("secret")
    (tmp_path / "root/etc").mkdir(parents=True)
    return tmp_path / "root"


def test_an_absolute_link_starts_at_the_trees_root(root: pathlib.Path) -> None:
    (root / "etc/link").symlink_to("/etc/file")
    assert rootfs.resolve(root, "/etc/link") == root / "etc/file"


def test_a_link_upwards_ends_at_the_trees_root(root: pathlib.Path) -> None:
    (root / "etc/up").symlink_to("../../../host")
    assert rootfs.resolve(root, "/etc/up/secret") == root / "host/secret"
    assert rootfs.read(root, "/etc/up/secret") is None


def test_a_last_link_may_be_left_alone(root: pathlib.Path) -> None:
    (root / "etc/link").symlink_to("file")
    assert rootfs.resolve(root, "etc/link", follow_last=False) == root / "etc/link"


def test_writing_through_a_link_stays_inside(root: pathlib.Path) -> None:
    (root / "etc/apt").symlink_to(root.parent / "host")
    rootfs.write(root, "/etc/apt/secret", "changed")
    assert (root.parent / "host/secret").read_text() == "secret"


def test_removing_a_link_leaves_what_it_leads_to(root: pathlib.Path) -> None:
    (root / "link").symlink_to(root.parent / "host")
    rootfs.remove(root, "/link")
    assert not (root / "link").is_symlink()
    assert (root.parent / "host/secret").exists()


def test_removing_what_is_not_there_is_done_already(root: pathlib.Path) -> None:
    rootfs.remove(root, "/etc/missing/file")


def test_links_in_circles_are_told(root: pathlib.Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(errors.ImageError, match="too many symbolic links in the path /a/file"):
        rootfs.resolve(root, "/a/file")


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "etc"]), max_size=12))
def test_no_path_leaves_the_tree(parts: list[str]) -> None:
    root = pathlib.Path("/nonexistent/root")
    assert rootfs.resolve(root, "/".join(parts)).is_relative_to(root)


def test_text_that_is_not_utf8_survives(root: pathlib.Path) -> None:
    (root / "etc/file").write_bytes(b"caf\xe9\n")
    text = rootfs.read(root, "/etc/file")
    assert text is not None
    rootfs.write(root, "/etc/file", text)
    assert (root / "etc/file").read_bytes() == b"caf\xe9\n"


def test_a_pipe_in_place_of_a_file_is_not_waited_for(root: pathlib.Path) -> None:
    os.mkfifo(root / "etc/pipe")
    with pytest.raises(errors.ImageError, match="/etc/pipe in the image is not a file"):
        rootfs.write(root, "/etc/pipe", "text")
