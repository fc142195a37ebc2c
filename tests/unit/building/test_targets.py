"""Results come to their place whole, wherever they were made, or not at all."""

import os
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from retrofit import errors
from retrofit.building import outputs

_MIB = 1024 * 1024


@pytest.fixture
def elsewhere() -> Iterator[pathlib.Path]:
    """Return a directory on another kind of file system than the usual one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield pathlib.Path(name)


def _sparse(path: pathlib.Path) -> bytes:
    """Write a file with data at both ends and a hole between."""
    with path.open("wb") as file:
        file.write(b"begin" * 1000)
        file.seek(8 * _MIB)
        file.write(b"end" * 1000)
    return path.read_bytes()


def test_file_from_another_file_system(elsewhere: pathlib.Path, tmp_path: pathlib.Path):
    content = _sparse(elsewhere / "made")

    outputs.deliver(elsewhere / "made", tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == content
    assert os.listdir(tmp_path) == ["out"]


def test_holes_stay_holes(tmp_path: pathlib.Path):
    content = _sparse(tmp_path / "made")

    outputs.deliver(tmp_path / "made", tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == content
    assert (tmp_path / "out").stat().st_blocks * 512 < _MIB


def test_previous_file_is_replaced(tmp_path: pathlib.Path):
    (tmp_path / "made").write_text("new")
    (tmp_path / "out").write_text("old and longer")

    outputs.deliver(tmp_path / "made", tmp_path / "out")

    assert (tmp_path / "out").read_text() == "new"


def test_failure_keeps_the_previous_file(tmp_path: pathlib.Path):
    (tmp_path / "made").write_text("new")
    (tmp_path / "taken").mkdir()

    with pytest.raises(errors.OutputError, match="cannot write"):
        outputs.deliver(tmp_path / "made", tmp_path / "taken")

    assert sorted(os.listdir(tmp_path)) == ["made", "taken"]


def test_present_file_is_refused_unless_forced(tmp_path: pathlib.Path):
    target = tmp_path / "out"
    target.touch()

    with pytest.raises(errors.OutputError, match="exists already; use --force"):
        outputs.check(target, force=False)
    outputs.check(target, force=True)


@pytest.mark.parametrize("name", ["", "none/out"])
def test_impossible_targets_are_refused(tmp_path: pathlib.Path, name: str):
    with pytest.raises(errors.OutputError):
        outputs.check(tmp_path / name, force=True)
