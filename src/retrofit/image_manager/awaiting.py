"""Waits until Glance has the data of an image, and says why it has not."""

from __future__ import annotations

import time

from .. import cloud, errors
from ..cloud import images

# An import that waits this long to begin is stuck: Glance puts it back without a word.
_STUCK_S = 30.0
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
# What Glance says of most failures, whatever the reason.
_GENERIC = "Internal Error"
# States of tasks at which nothing happens any more.
_ENDED = ("success", "failure")
# Of images that will never have data.
_GIVEN_UP = ("killed", "deleted", "pending_delete")


def whole(connection: cloud.Cloud, image: images.Image, deadline: float) -> images.Image:
    """Wait until an image has its data, and return it.

    Args:
        connection: Where.
        image: The image.
        deadline: Until when, as :func:`time.monotonic` has it.

    Raises:
        errors.NoSpace: A quota of the project is used up.
        errors.Unavailable: Its import failed, is stuck, or takes too long.
    """
    began = time.monotonic()
    pause = _FIRST_PAUSE_S
    while True:
        tasks = connection.import_tasks(image.id)
        now = time.monotonic()
        # While Glance is at it, there is nothing that the image could say.
        if now > deadline or all(status != "processing" for status, _ in tasks):
            shown = connection.image(image.id)
            # An image is active a moment before Glance is done with it.
            if shown.status == "active" and all(status in _ENDED for status, _ in tasks):
                return shown
            for status, message in tasks:
                if status == "failure":
                    raise _failed(connection, image, " ".join(message.split()))
            stuck = shown.status != "importing" and now - began > _STUCK_S
            if stuck or now > deadline or shown.status in _GIVEN_UP:
                raise errors.Unavailable(
                    f"the import of {image.name} has not ended: it is {shown.status} after "
                    f"{now - began:.0f} s",
                    hint="see Glance's log, and the options --stuck-retry and --import-timeout",
                )
        time.sleep(min(pause, max(0.0, deadline - now)))
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _failed(connection: cloud.Cloud, image: images.Image, message: str) -> errors.RetrofitError:
    """Return the error that stands for a failed import: Glance itself does not name quotas."""
    problem = f"Glance did not import {image.name}"
    for name, used, limit in connection.quotas():
        if used >= limit:
            return errors.NoSpace(
                f"{problem}: the project has used up its quota {name} ({used} of {limit}): "
                f"{message}",
                hint="delete images, or increase the quota",
            )
    if _GENERIC in message:
        return errors.Unavailable(
            f"{problem}, and does not report why ({message})",
            hint="see Glance's log: usually the project's storage quota (user_storage_quota) is "
            "used up, the store is full, or a conversion failed",
        )
    return errors.Unavailable(f"{problem}: {message}", hint="see Glance's log")
