"""The time that nothing in an image is younger than, so that it can be made again bit for bit.

It is told in seconds since 1970 by the variable that many programs that write times obey, too
(https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import os
import pathlib
import re
import time

from .. import errors
from . import trees

VARIABLE = "SOURCE_DATE_EPOCH"
_SECONDS = re.compile(r"[0-9]{1,10}")


def of_environment() -> int | None:
    """Return the time that whoever called us has set; ``None`` if nobody has.

    Raises:
        errors.ConfigError: It is no time, or one that has not come yet.
    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not _SECONDS.fullmatch(text):
        raise errors.ConfigError(
            f"the environment variable {VARIABLE} is {text!r}, which is no time",
            hint="set it to seconds since 1970, such as the output of date +%s, or unset it",
        )
    moment = int(text)
    if moment > time.time():
        # Nothing would be younger, and so nothing would be the same.
        raise errors.ConfigError(
            f"the environment variable {VARIABLE} is {text}, which is in the future",
            hint="set it to a time that has passed",
        )
    return moment


def variables(moment: int | None) -> dict[str, str]:
    """Return the variables that tell programs of a time; some of them would write local times."""
    return {} if moment is None else {VARIABLE: str(moment), "TZ": "UTC"}


def declare(moment: int | None) -> None:
    """Have all programs that this process starts know of a time, or of none."""
    os.environ.pop(VARIABLE, None)
    os.environ.update(variables(moment))


def clamp(tree: pathlib.Path, moment: int) -> None:
    """Have nothing in a directory, and itself, be younger than a moment."""
    # What is in a directory comes before it: an overlay may make it anew for that.
    found = [tree, *(pathlib.Path(entry) for _, entry in trees.walk(tree))]
    for path in reversed(found):
        if path.lstat().st_mtime > moment:
            os.utime(path, (moment, moment), follow_symlinks=False)
