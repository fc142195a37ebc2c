"""Package archives of an image: which ones apt is told of, and asking them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

from ... import errors, model
from ...host import rootfs
from ...host.sandbox import cells
from . import complaints, launchpad, pockets, texts

_MAIN_FILE = "/etc/apt/sources.list"
_DIRECTORY = "/etc/apt/sources.list.d"
_APT_TIMEOUT_S = 900.0


def write(tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
    """Tell the apt of a system of a mirror; no source of the distribution's stays beside it.

    Without a mirror the system's sources are kept.

    Raises:
        errors.ConfigError: The mirror is neither a URL nor a list of sources.
    """
    pockets.source(archives, release)
    mirror = archives.mirror.strip()
    if not mirror:
        return
    lines = [line.strip() for line in mirror.splitlines() if line.strip()]
    complete = all(texts.ONE_LINE.fullmatch(line) or line.startswith("#") for line in lines)
    if not complete and (len(lines) > 1 or not re.match(r"[a-z+]+:/", mirror)):
        raise errors.ConfigError(
            f"the archive mirror {lines[0]!r} is neither a URL nor a source line",
            hint="give a URL, or complete lines such as: deb URL SUITE COMPONENT",
        )
    target = None if complete else texts.Mirror(release, mirror.rstrip("/"))
    for path in (_MAIN_FILE, *rootfs.entries(tree, _DIRECTORY)):
        text = rootfs.read(tree, path)
        if text is None:
            continue
        if path.endswith(".sources"):
            rootfs.write(tree, path, texts.redirect_deb822(text, release, target))
        elif path.endswith(".list"):
            rootfs.write(tree, path, texts.redirect_one_line(text, release, target))
    if complete:
        kept = rootfs.read(tree, _MAIN_FILE) or ""
        rootfs.write(tree, _MAIN_FILE, kept + "".join(f"{line}\n" for line in lines))


def refresh(
    cell: cells.Cell,
    request: model.BuildRequest,
    release: model.Release,
    on_line: Callable[[str], None] | None,
) -> None:
    """Have apt fetch the lists of all archives, those of a pocket and of PPAs included.

    Args:
        cell: A cell whose root is the system.
        request: Names the archives, and proxies and certificates to ask Launchpad with.
        release: What runs in the cell.
        on_line: Called with each line apt prints.

    Raises:
        errors.ConfigError: An archive has no such suite.
        errors.Unavailable: An archive does not answer.
    """
    archives = request.archives
    apt(cell, ["update"], archives, on_line)
    added = False
    for ppa in archives.ppas:
        _add_ppa(cell.root, launchpad.fetch(ppa, request), release)
        added = True
    cloud_archive = pockets.source(archives, release)
    if cloud_archive:
        apt(cell, ["install", "--assume-yes", pockets.KEYRING], archives, on_line)
        rootfs.write(cell.root, pockets.FILE, cloud_archive)
        added = True
    if added:
        apt(cell, ["update"], archives, on_line)


def _add_ppa(tree: pathlib.Path, ppa: launchpad.Ppa, release: model.Release) -> None:
    """Tell apt of a PPA and of the key it is signed with."""
    key = f"/etc/apt/keyrings/{ppa.owner}-{ppa.name}.asc"
    rootfs.write(tree, key, ppa.key)
    rootfs.write(
        tree,
        f"{_DIRECTORY}/{ppa.owner}-{ppa.name}.list",
        f"deb [signed-by={key}] {ppa.url} {release.series} main\n",
    )


def apt(
    cell: cells.Cell,
    words: list[str],
    archives: model.Archives,
    on_line: Callable[[str], None] | None,
    *,
    timeout_s: float = _APT_TIMEOUT_S,
) -> None:
    """Run apt-get in a cell, and say which archive is at fault when it fails.

    Raises:
        errors.ConfigError: An archive lacks what is wanted of it, or its key is not known.
        errors.RecipeError: The packages cannot be combined, or one of their scripts failed.
        errors.Unavailable: An archive does not answer as it should.
    """
    found = complaints.Complaints()

    def watch(line: str) -> None:
        found.watch(line)
        if on_line is not None:
            on_line(line)

    completed = cell.run(
        ["/usr/bin/apt-get", *words], timeout_s=timeout_s, on_line=watch, check=False
    )
    found.check(completed, archives)
