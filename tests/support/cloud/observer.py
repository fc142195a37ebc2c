"""Somebody who asks Glance, again and again, what Octavia asks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from . import cloud

_PAUSE_S = 0.03


class Observer:
    """Asks for the images with a tag until it is stopped, and keeps what is wrong with answers.

    Attributes:
        asked: How often it asked.
        taken: Identifiers of the images that Octavia would have taken, in order.
        wrong: What no answer may be: none, or an image first that is not proved.
    """

    def __init__(self, observed: cloud.Cloud, tag: str) -> None:
        self._cloud = observed
        self._tag = tag
        self._end = threading.Event()
        self.asked = 0
        self.selected: list[str] = []
        self.wrong: list[str] = []

    def look(self, connection: Any) -> None:
        """Ask once, as Octavia does (``octavia/image/drivers/glance_driver.py``)."""
        query = {"tag": self._tag, "status": "active", "sort": "created_at:desc", "limit": "2"}
        answer = connection.image.get("/images", params=query)
        found = answer.json()["images"]
        self.asked += 1
        if not found:
            self.wrong.append("no image")
            return
        image = found[0]
        proof = image.get("retrofit_proof_result"), image.get("retrofit_state"), image["name"][:9]
        if proof != ("passed", None, "amphora-h") and proof != (
            "passed",
            "rolled-back",
            "amphora-h",
        ):
            self.wrong.append(f"{image['id']}: {proof}")
        if image["id"] not in self.selected[-1:]:
            self.selected.append(image["id"])

    def run(self) -> None:
        """Ask until the end."""
        with self._cloud.connect(cloud.RETROFIT) as connection:
            # A pause, as Glance has two processors at best and others want something of it, too.
            while not self._end.wait(_PAUSE_S):
                self.look(connection)

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()


@contextlib.contextmanager
def observing(observed: cloud.Cloud, tag: str) -> Iterator[Observer]:
    """Observe a tag from another thread."""
    observer = Observer(observed, tag)
    thread = threading.Thread(target=observer.run)
    thread.start()
    try:
        yield observer
    finally:
        observer.stop()
        thread.join()
