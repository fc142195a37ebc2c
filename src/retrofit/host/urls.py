"""URLs as people and logs may see them."""

from __future__ import annotations

import re
import urllib.parse

# What follows the scheme, up to another URL in the same word. Text is anybody's: this, and not a
# pattern that looks ahead for an @, takes time that grows with its length only.
_AFTER_SCHEME = re.compile(r"(?<=://)(?:[^\s:]|:(?!//))+")
_HOST_FIRST = re.compile(r"(\[[^]@]*\]|[^/:@]*)(:\d*)?(/|$)")


def without_user(text: str) -> str:
    """Return text, such as a log's or a source line, without user names and passwords in URLs."""
    return _AFTER_SCHEME.sub(_from_host, text)


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: password and query."""
    parts = urllib.parse.urlsplit(without_user(url))
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _from_host(after_scheme: re.Match[str]) -> str:
    rest = after_scheme[0]
    if _HOST_FIRST.match(rest):
        return rest
    # A password may hold further @ that nobody escaped, or slashes, if no @ is before them.
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        return authority.rpartition("@")[2] + slash + path
    return rest.rpartition("@")[2]
