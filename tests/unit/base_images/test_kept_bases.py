"""Installed packages of base images in the cache: used if they are whole, removed if unused."""

from __future__ import annotations

import os
import pathlib

import pytest

from retrofit import errors
from retrofit.base_images import kept_bases
from retrofit.host.sandbox import workshop


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "adopt", lambda _: None)


def _build(cache: pathlib.Path, identity: str, work: pathlib.Path) -> bool:
    """Do as a build does; tell whether packages had to be installed."""
    with kept_bases.kept(cache, identity, work) as archive:
        assert archive is not None
        installs = not archive.exists()
        if installs:
            archive.write_text(f"packages of {identity}")
        else:
            assert archive.read_text() == f"packages of {identity}"
    assert [*work.iterdir()] == []
    return installs


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_packages_are_installed_once(tmp_path: pathlib.Path, work: pathlib.Path):
    installed = [_build(tmp_path / "cache", name, work) for name in ("a", "a", "b", "a")]

    assert installed == [True, False, True, False]


def test_two_are_kept_those_that_were_used_last(tmp_path: pathlib.Path, work: pathlib.Path):
    cache = tmp_path / "cache"
    known: set[pathlib.Path] = set()
    for number, name in enumerate(("a", "b", "c")):
        _build(cache, name, work)
        for file in {*(cache / "bases").iterdir()} - known:
            os.utime(file, (number, number))
            known.add(file)

    assert len([*(cache / "bases").iterdir()]) == 4
    assert [_build(cache, name, work) for name in ("b", "c", "a")] == [False, False, True]


def test_a_damaged_one_is_made_anew(
    tmp_path: pathlib.Path, work: pathlib.Path, caplog: pytest.LogCaptureFixture
):
    cache = tmp_path / "cache"
    _build(cache, "a", work)
    (kept,) = (cache / "bases").glob("*.tar")
    kept.write_text("packages of 4")

    assert _build(cache, "a", work)
    assert "is damaged: its packages are installed anew" in caplog.text
    assert not _build(cache, "a", work)


def test_what_a_failed_build_made_is_not_kept(tmp_path: pathlib.Path, work: pathlib.Path):
    cache = tmp_path / "cache"

    def fail() -> None:
        with kept_bases.kept(cache, "a", work) as archive:
            assert archive is not None
            archive.write_text("half")
            raise errors.NoSpace("full")

    with pytest.raises(errors.NoSpace):
        fail()

    assert [*(cache / "bases").iterdir()] == []


def test_a_base_system_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: pathlib.Path, work: pathlib.Path, caplog: pytest.LogCaptureFixture
):
    cache = tmp_path / "cache"

    with kept_bases.kept(cache, "a", work) as archive:
        assert archive is not None
        archive.write_text("packages")
        (cache / "bases").rmdir()
        (cache / "bases").touch()

    assert f"the cache {cache} cannot keep this base system: Not a directory" in caplog.text
    assert [*work.iterdir()] == []


def test_nothing_is_kept_without_a_cache(work: pathlib.Path):
    with kept_bases.kept(None, "a", work) as archive:
        assert archive is None


def test_a_cache_that_cannot_be_made_is_named(tmp_path: pathlib.Path, work: pathlib.Path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(errors.OutputError, match="the cache .*/file/cache cannot be used"),
        kept_bases.kept(tmp_path / "file/cache", "a", work),
    ):
        pass
