"""A time that nothing is to be younger than is read, told to programs, and kept to."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from unittest import mock

import pytest

from retrofit import errors
from retrofit.host import process, source_date

_MOMENT = 1_700_000_000


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    with mock.patch.dict(os.environ, TZ="America/New_York"):
        os.environ.pop(source_date.VARIABLE, None)
        yield


@pytest.mark.parametrize(("text", "moment"), [(None, None), ("", None), ("0", 0), ("17", 17)])
def test_the_environment_tells(
    monkeypatch: pytest.MonkeyPatch, text: str | None, moment: int | None
) -> None:
    if text is not None:
        monkeypatch.setenv(source_date.VARIABLE, text)

    assert source_date.of_environment() == moment


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", " 17", "99999999999", "١٧"])
def test_what_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(source_date.VARIABLE, text)

    with pytest.raises(errors.ConfigError, match="SOURCE_DATE_EPOCH is .*, which is no time"):
        source_date.of_environment()


def test_a_time_that_has_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would be younger than it, and so nothing would be the same."""
    monkeypatch.setenv(source_date.VARIABLE, "9999999999")

    with pytest.raises(errors.ConfigError, match="9999999999, which is in the future"):
        source_date.of_environment()


def test_programs_are_told() -> None:
    source_date.declare(_MOMENT)

    told = process.run(["sh", "-c", "echo $SOURCE_DATE_EPOCH $TZ"], timeout_s=10.0).stdout

    assert told == f"{_MOMENT} UTC\n"


def test_programs_are_not_told_of_what_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(source_date.VARIABLE, str(_MOMENT))

    source_date.declare(None)

    told = process.run(["sh", "-c", "echo $SOURCE_DATE_EPOCH $TZ"], timeout_s=10.0).stdout
    assert told == "America/New_York\n"


def test_only_what_is_younger_changes(tmp_path: pathlib.Path) -> None:
    tree = tmp_path / "tree"
    (tree / "directory/inner").mkdir(parents=True)
    old, new, link = tree / "old", tree / "directory/inner/new", tree / "link"
    for file in (old, new):
        file.touch()
    link.symlink_to("old")
    os.utime(old, (1, 1))

    source_date.clamp(tree, _MOMENT)

    assert old.stat().st_mtime == 1
    younger = (tree, tree / "directory", tree / "directory/inner", new, link)
    assert {path.lstat().st_mtime for path in younger} == {_MOMENT}
