"""Whether what a related application publishes can be an endpoint."""

from __future__ import annotations

import urllib.parse


def is_url(text: str) -> bool:
    """Tell whether a text is a URL of a web server."""
    try:
        parts = urllib.parse.urlsplit(text)
        # Reading the port checks it.
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return known and not any(character.isspace() for character in text)
