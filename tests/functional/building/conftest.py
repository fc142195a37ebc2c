"""What tests of builds share."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from retrofit.building.elements import fetching


@pytest.fixture
def new_cache_of_sources(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give a test a cache of its own, and commands that know of no source yet."""
    monkeypatch.setattr(fetching, "_directory", lambda: tmp_path / "cache")
    fetching._fetched.cache_clear()
    yield
    fetching._fetched.cache_clear()
