"""Octavia's own elements: from its release on PyPI, at a pinned version.

``python -m retrofit.recipes.amphora.octavia_elements DIR`` puts them into DIR. A packed
charm and a wheel of ``make wheel`` have them in the directory ``packed`` beside this module, and
need no PyPI.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import tempfile

from ... import errors, model
from ...host import caches, process

VERSION = "19.0.0"
_SHA256 = "accaa633297c9994439a060e8b786c336fe549bfee6c7314663b514f59a81004"
_DOWNLOAD_TIMEOUT_S = 300.0
_UNPACK_TIMEOUT_S = 60.0
_PACKED = pathlib.Path(__file__).parent / "packed"


def find(proxies: model.Proxies) -> pathlib.Path:
    """Return a directory with Octavia's elements: packed, cached, or fetched now.

    Raises:
        errors.OutputError: They had to be fetched, and the cache cannot be written.
        errors.ToolMissing: They had to be fetched, and this Python has no pip.
        errors.Unavailable: They had to be fetched, and could not be.
    """
    if _PACKED.is_dir():
        return _PACKED
    cached = caches.of_user() / f"octavia-elements-{VERSION}"
    try:
        if not cached.is_dir():
            fetch(cached, proxies)
    except OSError as error:
        raise errors.OutputError(
            f"the cache {cached.parent} cannot be used: {error.strerror}",
            hint="set another directory in XDG_CACHE_HOME",
        ) from error
    return cached


def fetch(into: pathlib.Path, proxies: model.Proxies) -> None:
    """Put Octavia's elements of the pinned version into a directory.

    Args:
        into: Directory to make; it is complete or not there at all.
        proxies: Proxies to fetch the release through.

    Raises:
        errors.ToolMissing: This Python has no pip.
        errors.Unavailable: The release cannot be had, or is not the one that is pinned.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".octavia-", dir=into.parent) as name:
        scratch = pathlib.Path(name)
        release = f"octavia-{VERSION}"
        process.run(
            ["tar", "--extract", "--file", _download(scratch, proxies), f"{release}/elements"],
            timeout_s=_UNPACK_TIMEOUT_S,
            cwd=scratch,
        )
        with contextlib.suppress(OSError):
            # Whoever was here first has put the same files in place.
            (scratch / release / "elements").rename(into)


def _download(into: pathlib.Path, proxies: model.Proxies) -> pathlib.Path:
    """Have pip download the release and compare its hash."""
    requirement = into / "requirements.txt"
    requirement.write_text(f"octavia=={VERSION} --hash=sha256:{_SHA256}\n", encoding="ascii")
    words = ["-m", "pip", "download", "--no-deps", "--no-binary", "octavia", "--require-hashes"]
    words += ["--disable-pip-version-check", "--dest", os.fspath(into)]
    try:
        process.run(
            [sys.executable, *words, "--requirement", requirement],
            timeout_s=_DOWNLOAD_TIMEOUT_S,
            extra_environment=proxies.environment(),
        )
    except errors.CommandError as error:
        if any("No module named pip" in line for line in error.details):
            raise errors.ToolMissing(
                f"{sys.executable} has no pip, which fetches Octavia {VERSION}",
                hint="install pip there, or a wheel from `make wheel`",
            ) from error
        raise errors.Unavailable(
            f"Octavia {VERSION} cannot be fetched from the Python package index",
            hint="check the network and the proxies; a packed charm and a wheel contain it",
            details=error.details,
        ) from error
    return into / f"octavia-{VERSION}.tar.gz"


if __name__ == "__main__":
    fetch(pathlib.Path(sys.argv[1]).absolute(), model.Proxies())
