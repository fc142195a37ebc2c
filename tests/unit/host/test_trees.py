"""Directories of any depth: walked, and removed."""

from __future__ import annotations

import os
import pathlib

import pytest

from retrofit import errors
from retrofit.host import trees

# Deeper than Python recurses, and so deep that the kernel takes no path to it (4095 bytes).
_BEYOND_RECURSION, _BEYOND_PATHS = 1200, 3000


def _nest(top: pathlib.Path, depth: int) -> None:
    """Make directories one in the other, with a file in the last."""
    handle = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a new directory."""
    made = tmp_path / "tree"
    made.mkdir()
    return made


@pytest.mark.parametrize("depth", [_BEYOND_RECURSION, _BEYOND_PATHS])
def test_a_deep_tree_is_removed(tree: pathlib.Path, depth: int) -> None:
    _nest(tree, depth)
    trees.remove(tree)
    assert not tree.exists()


def test_a_deep_tree_is_walked(tree: pathlib.Path) -> None:
    _nest(tree, _BEYOND_RECURSION)
    assert [path for path, _ in trees.walk(tree)][-1].count("/") == _BEYOND_RECURSION
    trees.remove(tree)


def test_a_path_that_the_kernel_does_not_take_is_an_error_of_the_image(tree: pathlib.Path) -> None:
    _nest(tree, _BEYOND_PATHS)
    with pytest.raises(errors.ImageError, match="nested too deeply in /d/d/d"):
        list(trees.walk(tree))
    trees.remove(tree)


def test_a_directory_comes_before_what_is_in_it_and_links_are_not_followed(
    tree: pathlib.Path,
) -> None:
    (tree / "b" / "inner").mkdir(parents=True)
    (tree / "a").symlink_to("b")
    (tree / "b" / "file").touch()
    (tree / "left out").mkdir()
    (tree / "left out" / "file").touch()
    found = [path for path, _ in trees.walk(tree, without={"left out"})]
    assert found == ["a", "b", "b/file", "b/inner"]


def test_what_a_link_points_to_stays(tree: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tree / "link").symlink_to(tmp_path / "kept")
    trees.remove(tree)
    assert (tmp_path / "kept" / "file").exists()


def test_what_is_in_a_directory_is_removed_and_the_directory_stays(tree: pathlib.Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "c").touch()
    trees.clear(tree)
    assert list(tree.iterdir()) == []
