"""The image files that come with OpenStack Image Manager are all read."""

from __future__ import annotations

import pathlib

import pytest
from tests.support.image_manager import original

from retrofit.image_manager import reading


@pytest.mark.parametrize(("version", "digest"), original.PINNED)
def test_all_files_of_a_release_are_read(
    version: str, digest: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = original.pinned(version, digest)

    _check(directory)

    assert caplog.messages == []


@pytest.mark.slow
def test_all_files_of_the_newest_release_are_read(tmp_path: pathlib.Path) -> None:
    _check(original.newest(tmp_path))


def _check(directory: pathlib.Path) -> None:
    files = sorted(directory.glob("*.yml"))
    assert len(files) >= 12

    found = reading.read(directory, check=True, force=True)

    assert (found.problems, found.skipped) == ((), ())
    assert {product.place.rpartition(":")[0] for product in found.products} == set(map(str, files))
