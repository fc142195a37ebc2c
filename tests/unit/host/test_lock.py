"""The lock of a run, where anybody may make files beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import signal
import time

import pytest

from retrofit import errors
from retrofit.host import locks


def test_one_run_holds_it_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lock"
    with (
        locks.hold(path, "publishes"),
        pytest.raises(errors.Busy, match="another run publishes"),
        locks.hold(path, "publishes"),
    ):
        pass
    assert not path.exists()


def test_a_link_in_its_place_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "precious").write_text("content")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")

    with (
        pytest.raises(errors.OutputError, match="cannot write"),
        locks.hold(tmp_path / "lock", "publishes"),
    ):
        pass
    assert (tmp_path / "precious").read_text() == "content"


def test_a_file_that_was_removed_while_it_was_opened_locks_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    monkeypatch.setattr(fcntl, "flock", lambda *_: path.unlink())

    with pytest.raises(errors.Busy), locks.hold(path, "publishes"):
        pass


def test_children_of_a_run_that_was_killed_hold_it_until_they_have_ended(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "lock"
    told, tell = os.pipe()
    run = os.fork()
    if run == 0:
        with locks.hold(path, "publishes"):
            if os.fork() == 0:
                # Still tidies up, until the test says so.
                os.close(tell)
                os.read(told, 1)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(told)
    os.waitpid(run, 0)

    with pytest.raises(errors.Busy), locks.hold(path, "publishes"):
        pass
    os.close(tell)
    deadline = time.monotonic() + 30
    while path.exists():
        assert time.monotonic() < deadline
        with contextlib.suppress(errors.Busy), locks.hold(path, "publishes"):
            pass
