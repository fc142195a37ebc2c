"""URLs as people and logs may see them."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request

# User and password in a URL, up to the last @ of the word: a password may hold one unescaped.
_USER = re.compile(r"(?<=://)\S*@")


def without_user(text: str) -> str:
    """Return URLs or source lines without user names and passwords."""
    return _USER.sub("", text)


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: password and query."""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))
