"""The directory in which images are fetched is gone in the end, whatever happens meanwhile."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal

import pytest

from retrofit import errors
from retrofit.image_manager import workplace


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

    with pytest.raises(errors.Interrupted), workplace.held(tmp_path, "mirror") as directory:
        (directory / "image").write_bytes(b"image")

    assert list(tmp_path.iterdir()) == []
