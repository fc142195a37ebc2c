"""What is kept of a finished image's dnf, so that its repositories can be asked later."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping

from ... import model
from ...host import rootfs, urls
from ...model import architectures, releases
from ...provenance import archive_settings
from . import repo_files

REPOSITORIES = "/etc/yum.repos.d"
VARIABLES = ("/etc/dnf/vars", "/etc/yum/vars")
# What of dnf's own settings decides which packages it would install.
SETTINGS = "/etc/dnf/dnf.conf"
_EXCLUSIONS = ("exclude", "excludepkgs")
# Keys of this system, as repositories name them.
_KEY = re.compile(r"file://(/[\w./${}+-]+)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
# A key of Fedora's has 4 KiB; what is larger is not needed to compare versions.
_MAX_KEY = 16 * 1024


def texts(tree: pathlib.Path) -> dict[str, str]:
    """Return the files with repositories and variables of a system, without credentials."""
    found = rootfs.entries(tree, REPOSITORIES)
    paths = [path for path in found if pathlib.PurePath(path).suffix == ".repo"]
    for directory in VARIABLES:
        paths += rootfs.entries(tree, directory)
    read = {path: _read(tree, path) for path in paths}
    kept = exclusions(model.ArchiveSettings(((SETTINGS, rootfs.read(tree, SETTINGS) or ""),)))
    if kept:
        lines = "".join(f"{name}={value}\n" for name, value in kept.items())
        read[SETTINGS] = f"[main]\n{lines}".rstrip("\n")
    # A variable may be empty.
    return {
        path: text
        for path, text in read.items()
        if archive_settings.TEXT_PATH.fullmatch(path)
        and (text or path.rpartition("/")[0] in VARIABLES)
    }


def exclusions(settings: model.ArchiveSettings) -> dict[str, str]:
    """Return the packages that dnf was told to leave out, by the options for that."""
    main = repo_files.read(dict(settings.texts).get(SETTINGS, "")).get("main", {})
    return {name: " ".join(main[name].split()) for name in _EXCLUSIONS if name in main}


def key_paths(named: str, told: Mapping[str, str], release: model.Release) -> list[str]:
    """Return the files that an option ``gpgkey`` names, with variables of dnf in their places.

    Args:
        named: The option.
        told: The files of a system with its variables, by their paths.
        release: What runs there.
    """
    values = {
        "basearch": architectures.kernel_architecture(release.architecture),
        "releasever": releases.version(release.distribution, release.series),
    }
    for path, text in told.items():
        directory, _, name = path.rpartition("/")
        if directory in VARIABLES:
            values[name] = text.strip()

    def value(match: re.Match[str]) -> str:
        return values.get(match[1] or match[2], match[0])

    return [_VARIABLE.sub(value, path) for path in _KEY.findall(named)]


def keys(tree: pathlib.Path, told: Mapping[str, str], release: model.Release) -> dict[str, bytes]:
    """Return the keys that repositories name, by their paths."""
    named = {path for text in told.values() for path in key_paths(text, told, release)}
    found = {}
    for path in sorted(named):
        file = rootfs.resolve(tree, path)
        if file.is_file() and archive_settings.KEY_PATH.fullmatch(path):
            found[path] = file.read_bytes() if file.stat().st_size <= _MAX_KEY else b""
    return found


def _read(tree: pathlib.Path, path: str) -> str:
    text = rootfs.read(tree, path) or ""
    without_comments = re.sub(r"(?m)^[ \t]*[#;].*\n?", "", repo_files.without_secrets(text))
    return urls.without_user(without_comments.encode(errors="replace").decode()).strip("\n")
