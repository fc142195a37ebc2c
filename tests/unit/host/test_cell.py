"""The command that makes a cell."""

from __future__ import annotations

import os
import pathlib

import pytest

from retrofit.host import process
from retrofit.host.sandbox import cells


def test_bubblewrap_runs_from_the_work_directory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(argv: list[str], **_: object) -> process.Completed:
        commands.append(argv)
        return process.Completed(argv=tuple(argv), returncode=0, kept="", tail=())

    monkeypatch.setattr(process, "run", run)
    (tmp_path / "root").mkdir()
    one = cells.Cell(root=tmp_path / "root", work=tmp_path)
    one.run(["/bin/true"], timeout_s=1)
    one.run(["/bin/true"], timeout_s=1)

    # AppArmor's profile for bubblewrap goes by /usr/bin/bwrap.
    copy = tmp_path / "bwrap"
    assert [str(copy) in command for command in commands] == [True, True]
    assert copy.read_bytes() == pathlib.Path(process.find("bwrap")).read_bytes()
    assert os.access(copy, os.X_OK)
