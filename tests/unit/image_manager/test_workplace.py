"""The directory in which images are fetched is gone in the end, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal

import pytest

from retrofit import errors
from retrofit.image_manager import stores, workplace


@pytest.mark.usefixtures("interruptible")
def test_a_signal_while_it_is_removed_leaves_nothing_of_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def interrupted(directory: pathlib.Path) -> None:
        if directory.exists():
            os.kill(os.getpid(), signal.SIGTERM)
        remove(directory)

    monkeypatch.setattr(shutil, "rmtree", interrupted)

    held = workplace.held(tmp_path, "mirror", "one", "fills a mirror")
    with pytest.raises(errors.Interrupted), held as directory:
        (directory / "image").write_bytes(b"image")

    assert list(tmp_path.iterdir()) == []


def test_one_run_has_a_target_and_others_go_on_beside_it(tmp_path: pathlib.Path) -> None:
    def held(target: str) -> contextlib.AbstractContextManager[pathlib.Path]:
        return workplace.held(tmp_path, "manage", target, f"manages {target}")

    with held("one") as first, held("another") as second:
        assert first != second
        (second / "image").write_bytes(b"image")
        with pytest.raises(errors.Busy, match="another run manages one now"), held("one"):
            pass
        assert list(second.iterdir()) != []

    assert list(tmp_path.iterdir()) == []


def test_a_mirror_is_the_same_whatever_it_is_called(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("images")

    assert len({stores.place(name) for name in ("images", "./images/", "link")}) == 1
    assert stores.place("s3://bucket/prefix") == stores.place("s3://bucket/prefix/")
    assert stores.place("s3://bucket/prefix") != stores.place("s3://bucket/other")
    before = stores.place("s3://bucket")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://another.example.org")
    assert stores.place("s3://bucket") != before
