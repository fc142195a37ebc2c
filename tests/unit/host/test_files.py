"""Files are written whole, with their mode, or not at all."""

import os
import pathlib
import signal
import stat
import subprocess
import sys
import time

import pytest
from tests.support import paths

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


# Killed when all is written and nothing is in its place yet.
_KILLED = """
import os, pathlib, signal, sys
from retrofit.host import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write(pathlib.Path(sys.argv[1]), "password", mode=0o600)
"""


def test_what_a_killed_writer_left_is_swept(tmp_path: pathlib.Path) -> None:
    path, others = tmp_path / "settings.yaml", tmp_path / ".settings.yaml.20260801"
    others.write_text("a backup")
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, path],
        env=os.environ | {"PYTHONPATH": str(paths.REPOSITORY / "src")},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    [left] = set(tmp_path.iterdir()) - {others}
    assert left.read_text() == "password"

    # Its writer may still live.
    files.write(path, "text", mode=0o600)
    assert left.exists()

    for file in (left, others):
        os.utime(file, (time.time() - 3600,) * 2)
    files.write(path, "text", mode=0o600)
    assert set(tmp_path.iterdir()) == {path, others}


def test_a_directory_that_may_not_be_read(tmp_path: pathlib.Path) -> None:
    """Nothing is swept there, and files are written as ever."""

    def refuse(_: pathlib.Path) -> None:
        raise PermissionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pathlib.Path, "iterdir", refuse)
        files.write(tmp_path / "file", "text", mode=0o644)

    assert (tmp_path / "file").read_text() == "text"


def test_a_place_that_cannot_be_looked_at_is_not_an_empty_one(tmp_path: pathlib.Path):
    (tmp_path / "file").touch()

    assert files.is_file(tmp_path / "file")
    assert not files.is_file(tmp_path)
    assert not files.is_file(tmp_path / "absent")
    assert not files.is_file(tmp_path / "file" / "below")
    with pytest.raises(OSError, match="File name too long"):
        files.is_file(tmp_path / ("x" * 300))


def test_a_document_has_an_end():
    with pytest.raises(errors.ConfigError, match="/dev/zero has more than 64 MiB"):
        files.content(pathlib.Path("/dev/zero"))
