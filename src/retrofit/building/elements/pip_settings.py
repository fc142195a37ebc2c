"""Settings of pip for scripts: wheels come from where the pip of this machine takes them."""

from __future__ import annotations

import configparser
import os
import pathlib
import shutil

from ... import errors
from ...host import python_index

DIRECTORY = "pip"
FILE = "pip.conf"
_CERTIFICATES = "certificates.pem"
_WHEELS = "wheels"
_AS_THEY_ARE = ("index-url", "extra-index-url", "trusted-host", "no-index")
_WEB = ("http://", "https://")


def write(into: pathlib.Path, shown: str) -> None:
    """Write them, with the files that they name.

    Files of a directory count (``find-links``) only if no index does (``no-index``): they may be
    many.

    Args:
        into: Directory to make.
        shown: Where scripts see it.

    Raises:
        errors.InputMissing: A file cannot be read.
    """
    configured = python_index.settings()
    written = {}
    for name in _AS_THEY_ARE:
        # An index in a directory is none that scripts see.
        words = [word for word in configured.get(name, "").split() if _is_reached(name, word)]
        if words:
            written[name] = " ".join(words)
    into.mkdir()
    try:
        if "cert" in configured:
            shutil.copyfile(configured["cert"], into / _CERTIFICATES)
            written["cert"] = f"{shown}/{_CERTIFICATES}"
        if "no-index" in written:
            written["find-links"] = _find_links(configured.get("find-links", ""), into, shown)
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read {error.filename}, which pip is configured with: {error.strerror}",
            hint="correct the configuration of pip; see pip config list",
        ) from error
    config = configparser.RawConfigParser()
    config["global"] = written
    with os.fdopen(os.open(into / FILE, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        config.write(file)


def _is_reached(name: str, word: str) -> bool:
    return not name.endswith("index-url") or word.startswith(_WEB)


def _find_links(links: str, into: pathlib.Path, shown: str) -> str:
    """Copy the files in directories; return the places that scripts see."""
    places = [link for link in links.split() if link.startswith(_WEB)]
    wheels = into / _WHEELS
    wheels.mkdir()
    for link in links.split():
        if link not in places:
            for file in sorted(pathlib.Path(link.removeprefix("file://")).iterdir()):
                if file.is_file():
                    shutil.copyfile(file, wheels / file.name)
    return " ".join([*places, f"{shown}/{_WHEELS}"])
