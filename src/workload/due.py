"""Which of the images that are defined a run looks at that begins by itself: those that are due.

Images of one schedule are looked at together, and nothing has to be known. Where there are
several schedules, each image is due when its own has come since a run has last looked at it.
"""

from __future__ import annotations

import datetime
import json
import logging
import pathlib
from typing import Any

from retrofit import errors
from retrofit.host import calendars, files
from workload import results

_LOG = logging.getLogger(__name__)
_REQUEST = "request.json"
_RESULT = "result.json"
LOOKED = "looked.json"


def names(state: pathlib.Path, moment: datetime.datetime) -> tuple[str, ...] | None:
    """Return the names of the images that are due; ``None`` stands for all.

    Args:
        state: Directory of requests and results.
        moment: The present.
    """
    # No hook has to load what this takes.
    from retrofit.definitions import expansion

    try:
        images = expansion.read(state / _REQUEST)
    except errors.RetrofitError as error:
        # The run says so itself, where everybody looks.
        _LOG.warning("%s", error)
        return None
    if len({image.schedule for image in images}) == 1:
        return None
    looked = _looked(state)

    def is_due(image: expansion.Image) -> bool:
        last = looked.get(image.name)
        if last is None:
            return True
        then = datetime.datetime.fromisoformat(last)
        following = calendars.following(image.schedule, then)
        return following is not None and following <= moment

    return tuple(image.name for image in images if is_due(image))


def note(state: pathlib.Path) -> None:
    """Keep at which images the last run has looked, and when it began."""
    try:
        result = results.read(state / _RESULT)
    except errors.NewerDocument as error:
        _LOG.warning("the images of the last run are not known: %s", error)
        return
    if result is None:
        return
    seen = {
        image.name: image.started.isoformat()
        for image in result.images or (result,)
        # Of an image that failed, nothing is known: it stays due.
        if image.name and image.started is not None and image.outcome.good
    }
    if seen:
        text = json.dumps(_looked(state) | seen, indent=2) + "\n"
        files.write(state / LOOKED, text, mode=0o600)


def _looked(state: pathlib.Path) -> dict[str, Any]:
    """Return when a run has last looked at each image; nothing if that is not known."""
    try:
        found = json.loads((state / LOOKED).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
