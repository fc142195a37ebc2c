"""Where a distribution keeps its archive, by what this system knows of distributions.

The package python-apt-common has a file for each, in paragraphs like those of deb822, of which
``Suite: {series}`` stands for every release. Ports have an archive of their own with Ubuntu.
"""

from __future__ import annotations

import pathlib

_TEMPLATES = pathlib.Path("/usr/share/python-apt/templates")
_OF_RELEASES = {"Suite": "{series}", "RepositoryType": "deb"}
_URL = "BaseURI"


def of(distribution: str, architecture: str) -> str:
    """Return the base URL of an archive; empty if this system does not know it.

    Args:
        distribution: ``debian`` or ``ubuntu``.
        architecture: By Debian's name.
    """
    try:
        text = (_TEMPLATES / f"{distribution.capitalize()}.info").read_text(encoding="utf-8")
    except OSError:
        return ""
    for paragraph in text.split("\n\n"):
        fields = {}
        for line in paragraph.splitlines():
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        if _URL in fields and fields.items() >= _OF_RELEASES.items():
            return fields.get(f"{_URL}-{architecture}", fields[_URL]).rstrip("/")
    return ""
