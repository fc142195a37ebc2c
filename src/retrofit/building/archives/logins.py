"""Logins of archives: what a URL holds of them, and the file that apt reads them from.

apt needs no password in its sources, which are the image's: it reads logins from a file of their
own (apt_auth.conf(5)), which is a build's.
"""

from __future__ import annotations

import dataclasses
import re
import urllib.parse

from ... import errors, model
from ...host import urls

# The words of a source line; options in brackets hold no URLs.
_URL = re.compile(r"\S+://\S+")
# What ends a value in the file, or begins a comment there.
_UNREADABLE = re.compile(r"[\s#]")


def without(archives: model.Archives) -> model.Archives:
    """Return archives whose URLs hold neither users nor passwords."""
    return dataclasses.replace(
        archives,
        mirror=_URL.sub(_without_login, archives.mirror),
        uca_mirror=_URL.sub(_without_login, archives.uca_mirror),
    )


def file(archives: model.Archives) -> str:
    """Return what apt has to read to log in to archives; empty if none of them wants a login.

    Raises:
        errors.ConfigError: A user or a password has a character that apt cannot read.
    """
    found = _URL.findall(f"{archives.mirror}\n{archives.uca_mirror}")
    return "".join(dict.fromkeys(filter(None, map(_line, found))))


def of_url(url: str) -> tuple[str, str]:
    """Return a mirror's URL without its login, and what apt has to read to log in there.

    Raises:
        errors.ConfigError: See :func:`file`.
    """
    return _URL.sub(_without_login, url), _line(url)


def _without_login(url: re.Match[str]) -> str:
    return urls.without_user(url[0]) if urllib.parse.urlsplit(url[0]).password else url[0]


def _line(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if not parts.password:
        return ""
    user, password = (
        urllib.parse.unquote(part or "") for part in (parts.username, parts.password)
    )
    shown = urls.without_user(url)
    if _UNREADABLE.search(user + password):
        raise errors.ConfigError(
            f"the login in the URL of {shown} has a blank or a #, which apt cannot read",
            hint="give the archive another password",
        )
    return f"machine {shown} login {user} password {password}\n"
