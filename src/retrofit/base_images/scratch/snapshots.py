"""Archives as they were at a time, where their mirror keeps snapshots.

The index of a suite says where: its field ``Snapshots`` is a URL in which ``@SNAPSHOTID@`` stands
for a time such as ``20260801T000000Z``, as apt has it since 2.7. A mirror's own URL may have that
word, too.
"""

from __future__ import annotations

import datetime
import re

from ... import errors, model
from ...host import urls, web

_ID = "@SNAPSHOTID@"
_FORM = "%Y%m%dT%H%M%SZ"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_URL = re.compile(r"https?://\S+")
_INDEX_LIMIT = 4 * model.MIB


def identifier(text: str) -> str:
    """Return the identifier of the snapshots of a day or a moment.

    Args:
        text: Such as ``2026-08-01``, which means its first second, or ``20260801T120000Z``.

    Raises:
        errors.ConfigError: It is neither.
    """
    try:
        if _DAY.fullmatch(text):
            return f"{datetime.date.fromisoformat(text):{_FORM}}"
        moment = datetime.datetime.strptime(text, _FORM).replace(tzinfo=datetime.timezone.utc)
    except ValueError as error:
        raise errors.ConfigError(
            f"wrong snapshot {text!r}", hint="write a day such as 2026-08-01"
        ) from error
    return f"{moment:{_FORM}}"


def expand(mirror: str, snapshot: str) -> str:
    """Return the URL of a mirror in which the word for the time may stand.

    Raises:
        errors.ConfigError: It stands there, and there is no time.
    """
    if _ID in mirror and not snapshot:
        raise errors.ConfigError(
            f"the mirror {urls.shown(mirror)} is one of snapshots", hint="set the day (--snapshot)"
        )
    return mirror.replace(_ID, snapshot)


def of(url: str, suite: str, snapshot: str, access: web.Access) -> str:
    """Return the URL of the snapshot of a mirror's suite.

    Args:
        url: Base URL of the mirror.
        suite: Name of the suite.
        snapshot: Its :func:`identifier`.
        access: How the mirror is reached.

    Raises:
        errors.ConfigError: The mirror has no snapshots.
        errors.RetrofitError: It does not answer, or does not have the suite.
    """
    if snapshot in url:
        # It is one, since :func:`expand` was told of it.
        return url
    from debian import deb822

    index = web.read(f"{url}/dists/{suite}/InRelease", access, limit=_INDEX_LIMIT)
    template = str(deb822.Release(index).get("Snapshots", "")).strip()
    # Whether the index is rightly signed is checked when packages come: it may be anybody's.
    if _ID not in template or not _URL.fullmatch(template):
        raise errors.ConfigError(
            f"the index of {suite} at {urls.shown(url)} names no snapshots",
            hint=f"set a mirror with {_ID} in its URL, or the URL of a snapshot itself",
        )
    return template.replace(_ID, snapshot).rstrip("/")
