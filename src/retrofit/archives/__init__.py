"""Package archives of an image: which ones apt is told of, and asking them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

from .. import errors, launchpad, model, rootfs
from ..sandbox import cell as cells
from . import texts

_MAIN_FILE = "/etc/apt/sources.list"
_DIRECTORY = "/etc/apt/sources.list.d"
_PUBLIC_UCA = "http://ubuntu-cloud.archive.canonical.com/ubuntu"
_UCA_KEYRING = "ubuntu-cloud-keyring"
_APT_TIMEOUT_S = 900.0

_POCKET = re.compile(
    r"(?:(?P<series>[a-z]+)-(?P<kind>updates|proposed)/)?(?P<name>[a-z]+)"
    r"(?:[-/](?P<suffix>updates|proposed))?"
)


def pocket_suite(pocket: str, release: model.Release) -> str:
    """Return the suite of an Ubuntu Cloud Archive pocket, such as ``jammy-updates/caracal``.

    Args:
        pocket: An OpenStack release's name; ``/proposed`` or ``-proposed`` may follow, or a series
            with kind and a slash precede.
        release: The system that is to use it.

    Raises:
        errors.ConfigError: The pocket has another shape, or is for another series.
    """
    match = _POCKET.fullmatch(pocket)
    if match is None:
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is misspelt",
            hint="give a release's name, such as caracal, caracal/proposed or"
            " jammy-updates/caracal",
        )
    if release.distribution != "ubuntu" or match["series"] not in (None, release.series):
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is not for"
            f" {release.distribution} {release.series}",
            hint="leave the pocket out, or use a base image that it is for",
        )
    kind = match["suffix"] or match["kind"] or "updates"
    return f"{release.series}-{kind}/{match['name']}"


def cloud_archive_source(archives: model.Archives, release: model.Release) -> str:
    """Return apt's line for the Ubuntu Cloud Archive, empty when none is wanted.

    A mirror that is a complete line needs no pocket, as with the existing charm.

    Raises:
        errors.ConfigError: The pocket is misspelt or for another series.
    """
    if texts.ONE_LINE.fullmatch(archives.uca_mirror):
        return f"{archives.uca_mirror}\n"
    if not archives.uca_pocket:
        return ""
    url = archives.uca_mirror.rstrip("/") or _PUBLIC_UCA
    suite = pocket_suite(archives.uca_pocket, release)
    return f"deb [signed-by=/usr/share/keyrings/{_UCA_KEYRING}.gpg] {url} {suite} main\n"


def write(tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
    """Tell the apt of a system of a mirror; no source of the distribution's stays beside it.

    Without a mirror the system's sources are kept.

    Raises:
        errors.ConfigError: The mirror is neither a URL nor a list of sources.
    """
    cloud_archive_source(archives, release)
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
    _apt(cell, ["update"], archives, on_line)
    added = False
    for ppa in archives.ppas:
        _add_ppa(cell.root, launchpad.fetch(ppa, request), release)
        added = True
    cloud_archive = cloud_archive_source(archives, release)
    if cloud_archive:
        _apt(cell, ["install", "--assume-yes", _UCA_KEYRING], archives, on_line)
        rootfs.write(cell.root, f"{_DIRECTORY}/cloudarchive.list", cloud_archive)
        added = True
    if added:
        _apt(cell, ["update"], archives, on_line)


def _add_ppa(tree: pathlib.Path, ppa: launchpad.Ppa, release: model.Release) -> None:
    """Tell apt of a PPA and of the key it is signed with."""
    key = f"/etc/apt/keyrings/{ppa.owner}-{ppa.name}.asc"
    rootfs.write(tree, key, ppa.key)
    rootfs.write(
        tree,
        f"{_DIRECTORY}/{ppa.owner}-{ppa.name}.list",
        f"deb [signed-by={key}] {ppa.url} {release.series} main\n",
    )


def _apt(
    cell: cells.Cell,
    words: list[str],
    archives: model.Archives,
    on_line: Callable[[str], None] | None,
) -> None:
    """Run apt-get and say which archive is at fault when it fails."""
    complaints: list[str] = []

    def watch(line: str) -> None:
        if re.match(r"(E:|W:|Err:)", line):
            complaints.append(line)
        elif line.startswith("  ") and complaints and complaints[-1].startswith("Err:"):
            # Why it failed stands below what failed.
            complaints[-1] += f": {line.strip()}"
        if on_line is not None:
            on_line(line)

    completed = cell.run(
        ["/usr/bin/apt-get", *words], timeout_s=_APT_TIMEOUT_S, on_line=watch, check=False
    )
    # apt before 2.1.9, as in focal, knows no Error-Mode and only warns of what it cannot fetch.
    unfetched = [line for line in complaints if "Failed to fetch" in line]
    if completed.returncode == 0 and not unfetched:
        return
    raise _explain(complaints or list(completed.tail), archives)


def _explain(complaints: list[str], archives: model.Archives) -> errors.RetrofitError:
    """Turn apt's complaints into an error that names what the user gave."""
    text = "\n".join(complaints)
    # apt's first complaint is the cause; its last one only says that something failed.
    reason = complaints[0] if complaints else "apt says nothing"
    reason = re.sub(r"^(?:E: |W: |Err:\d+ )", "", reason)
    absent = "404  " in text or "File not found" in text
    details = tuple(complaints)
    pocket = _POCKET.fullmatch(archives.uca_pocket)
    if pocket is not None and f"/{pocket['name']}" in text:
        where = archives.uca_mirror or _PUBLIC_UCA
        if absent:
            return errors.ConfigError(
                f"the Ubuntu Cloud Archive at {where} has no pocket {archives.uca_pocket!r} for"
                " this series",
                hint="see which pockets it has, or correct the pocket",
                details=details,
            )
        return errors.Unavailable(
            f"the Ubuntu Cloud Archive at {where} cannot be used: {reason}",
            hint="check its mirror and the proxies",
            details=details,
        )
    if absent:
        return errors.ConfigError(
            f"an archive lacks what is wanted of it: {reason}",
            hint="check the archive mirror",
            details=details,
        )
    return errors.Unavailable(
        f"an archive cannot be used: {reason}",
        hint="check the archive mirror, the proxies and the network",
        details=details,
    )
