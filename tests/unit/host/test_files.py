"""Files are written whole, with their mode, or not at all."""

import os
import pathlib
import stat

import pytest

from retrofit import errors
from retrofit.host import files


def test_mode_holds_whatever_the_umask(tmp_path: pathlib.Path):
    path = tmp_path / "result.json"
    previous = os.umask(0o077)
    try:
        files.write(path, "text", mode=0o644)
    finally:
        os.umask(previous)

    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_previous_content_is_replaced(tmp_path: pathlib.Path):
    path = tmp_path / "secret"
    files.write(path, "one", mode=0o644)
    files.write(path, "two", mode=0o600)

    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_missing_directory_is_named(tmp_path: pathlib.Path):
    with pytest.raises(errors.OutputError, match="cannot write .*/none/file: No such file"):
        files.write(tmp_path / "none" / "file", "text", mode=0o644)


def test_failure_leaves_nothing_behind(tmp_path: pathlib.Path):
    directory = tmp_path / "taken"
    directory.mkdir()

    with pytest.raises(errors.OutputError, match="cannot write"):
        files.write(directory, "text", mode=0o644)

    assert list(tmp_path.iterdir()) == [directory]
