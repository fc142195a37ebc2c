"""Where caches are: an upgrade finds what the version before it kept."""

from __future__ import annotations

import pathlib

import pytest

from retrofit.host import caches


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        (None, "/home/ada/.cache"),
        ("", "/home/ada/.cache"),
        ("/fast", "/fast"),
        # The specification has a relative path ignored.
        ("fast", "/home/ada/.cache"),
    ],
)
def test_a_user_has_one_where_the_desktop_says(
    variable: str | None, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if variable is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", variable)
    monkeypatch.setattr("platformdirs.unix.geteuid", lambda: 1000)
    expected = pathlib.Path(place) / "octavia-diskimage-retrofit"
    assert [caches.of_user(), caches.of_builds()] == [expected, expected]


def test_builds_of_root_share_that_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("XDG_CACHE_HOME", "/root/fast")
    monkeypatch.setattr("platformdirs.unix.geteuid", lambda: 0)
    assert caches.of_builds() == pathlib.Path("/var/cache/octavia-diskimage-retrofit")
    assert caches.of_user() == pathlib.Path("/root/fast/octavia-diskimage-retrofit")
