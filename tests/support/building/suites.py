"""Writes suites of package archives: indexes, and what is signed of them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from retrofit.host import process

from ..base_images import stream_tree

_TIMEOUT_S = 300.0


def index(mirror: pathlib.Path, pool: str) -> str:
    """Return the index of the packages in a directory below a mirror's."""
    if not (mirror / pool).is_dir():
        return ""
    return _run(["apt-ftparchive", "packages", pool], mirror)


def write(
    mirror: pathlib.Path,
    suite: str,
    indexes: Mapping[str, str],
    signer: stream_tree.Signer,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Write a suite.

    Args:
        mirror: Directory of the archive.
        suite: Its name.
        indexes: What is in it, by component.
        signer: Who signs it.
        fields: Further fields of its Release file.
    """
    place = mirror / "dists" / suite
    for component, text in indexes.items():
        binary = place / component / "binary-amd64"
        binary.mkdir(parents=True, exist_ok=True)
        (binary / "Packages").write_text(text)
    options = {
        "Suite": suite,
        "Codename": suite,
        "Components": " ".join(indexes),
        "Architectures": "amd64",
        **(fields or {}),
    }
    words = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in options.items()]
    release = _run(["apt-ftparchive", *words, "release", f"dists/{suite}"], mirror)
    (place / "Release").write_text(release)
    signer.sign(release, place / "InRelease")


def _run(words: list[str], mirror: pathlib.Path) -> str:
    return process.run(words, timeout_s=_TIMEOUT_S, cwd=mirror, confidential=True).stdout
