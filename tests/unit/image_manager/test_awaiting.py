"""How often Glance is asked about an import that goes on."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from retrofit.cloud import images
from retrofit.image_manager import awaiting

_NOW = datetime.datetime(2026, 8, 1, tzinfo=datetime.timezone.utc)


class _Glance:
    """A Glance that imports an image while it is asked for it.

    Attributes:
        tasks: What the import says each time.
        asked: How often the image was asked for.
    """

    def __init__(self, *tasks: str) -> None:
        self.tasks = list(tasks)
        self.asked = 0

    def import_tasks(self, _: str) -> list[tuple[str, str]]:
        return [(self.tasks.pop(0), "")]

    def image(self, _: str) -> images.Image:
        self.asked += 1
        return _image("importing" if self.tasks else "active")


def _image(status: str) -> images.Image:
    return images.Image(
        id="1",
        name="Ubuntu",
        status=status,
        owner="",
        visibility="private",
        disk_format="raw",
        size=0,
        content_hash="",
        tags=frozenset(),
        created_at=_NOW,
        updated_at=_NOW,
        properties={},
    )


def test_the_image_is_asked_for_when_its_import_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "_FIRST_PAUSE_S", 0.0)
    glance: Any = _Glance("pending", "processing", "processing", "processing", "success")

    stored = awaiting.whole(glance, _image("queued"), time.monotonic() + 60)

    assert stored.status == "active"
    # The first time, it had not begun.
    assert glance.asked == 2
