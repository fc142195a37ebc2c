"""Days and moments of snapshots, and how sources name them."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.base_images.scratch import archives, snapshots
from retrofit.host import web


@pytest.mark.parametrize(
    ("text", "identifier"),
    [("2026-08-01", "20260801T000000Z"), ("20260801T123456Z", "20260801T123456Z")],
)
def test_identifiers(text: str, identifier: str) -> None:
    assert snapshots.identifier(text) == identifier


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "20260801", "2026-8-1", "../x"])
def test_wrong_days(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="wrong snapshot"):
        snapshots.identifier(text)


def test_sources_of_snapshots_may_be_out_of_date() -> None:
    usual = archives.Archive("http://m/debian", "bookworm", "main")
    pinned = archives.Archive("http://m/debian", "bookworm", "main", pinned=True)

    assert usual.line() == "deb http://m/debian bookworm main"
    assert usual.line("/k") == "deb [signed-by=/k] http://m/debian bookworm main"
    assert pinned.line() == "deb [check-valid-until=no] http://m/debian bookworm main"
    assert pinned.line("/k").startswith("deb [signed-by=/k check-valid-until=no] http://m/")
    assert usual.stanza("/k").endswith("Signed-By: /k\n")
    assert pinned.stanza("/k").endswith("Signed-By: /k\nCheck-Valid-Until: no\n")


@pytest.mark.parametrize(
    "field",
    [
        "http://m/@SNAPSHOTID@ ./\n deb [trusted=yes] http://evil/ ./",
        "file:///@SNAPSHOTID@",
        "copy:/@SNAPSHOTID@",
        "http://m/",
    ],
)
def test_an_index_adds_no_source_of_its_own(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has verified it yet."""
    index = f"Origin: Debian\nSnapshots: {field}\n".encode()
    monkeypatch.setattr(web, "read", lambda *_, **__: index)

    with pytest.raises(errors.ConfigError, match="names no snapshots"):
        snapshots.of("http://m", "bookworm", "20260701T000000Z", web.Access())
