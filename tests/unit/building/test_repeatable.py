"""Extended attributes of an image are told to debugfs, and are no requests of their own."""

from __future__ import annotations

import os
import pathlib

import pytest

from retrofit import errors
from retrofit.building.disk import repeatable


def _requests(tree: pathlib.Path, work: pathlib.Path) -> list[str]:
    work.mkdir()
    return list(repeatable._attributes(tree, work))


def test_each_attribute_is_one_request(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    (tree / 'a "b').mkdir(parents=True)
    os.setxattr(tree / 'a "b', "user.one", b"1")
    os.setxattr(tree / 'a "b', "user.two", b"2")

    found = _requests(tree, tmp_path / "work")

    assert [request.split(" ", 3)[3] for request in found] == [
        '"/a ""b" user.one\n',
        '"/a ""b" user.two\n',
    ]
    assert [(tmp_path / "work" / name).read_bytes() for name in ("0", "1")] == [b"1", b"2"]


@pytest.mark.parametrize("name", ["user.x\nwrite /etc/hostname x", "user.a b", 'user."', "user.é"])
def test_names_of_attributes_that_debugfs_would_not_take_for_one(
    name: str, tmp_path: pathlib.Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    os.setxattr(tree, name, b"1")

    with pytest.raises(errors.OutputError, match="has the attribute"):
        _requests(tree, tmp_path / "work")


@pytest.mark.parametrize("name", [b"a\nrm x", b"\xff"])
def test_paths_that_debugfs_would_not_take_for_one(name: bytes, tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    file = os.path.join(os.fsencode(tree), name)
    with open(file, "wb"):
        pass
    os.setxattr(file, "user.one", b"1")

    with pytest.raises(errors.OutputError, match="has the attribute 'user.one'"):
        _requests(tree, tmp_path / "work")
