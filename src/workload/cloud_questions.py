"""Asks the cloud of a unit whether it can be used, and which images are current there.

The charm runs it (``python -m workload.cloud_questions``) as a program of its own: what asks a
cloud takes long to load, and a hook has nothing else to ask of it.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys

from retrofit import errors
from retrofit.cloud import access
from retrofit.definitions import expansion
from retrofit.model import diagnosis
from retrofit.publishing import promotion


def answers(request: pathlib.Path) -> dict[str, object]:
    """Return what keeps the cloud from being used, or else the images that are current.

    Args:
        request: The definitions of the unit's images.
    """
    try:
        return _answers(expansion.read(request))
    except errors.RetrofitError as error:
        return {"problem": str(error)}


def _answers(defined: tuple[expansion.Image, ...]) -> dict[str, object]:
    with contextlib.closing(access.Access(defined[0].request.cloud)) as cloud:
        found = diagnosis.in_order(cloud.checks())
        failed = [str(each) for each in found if each.outcome is diagnosis.Outcome.FAILED]
        if failed:
            return {"problem": failed[0]}
        owned = [promotion.own(cloud.cloud(), image.tag).current for image in defined]
    current = [
        {"id": image.id, "name": image.name, "created-at": image.created_at.isoformat()}
        for image in owned
        if image is not None
    ]
    return {"defined": len(defined), "current": current}


if __name__ == "__main__":
    print(json.dumps(answers(pathlib.Path(sys.argv[1]))))  # noqa: T201 - the charm reads it
