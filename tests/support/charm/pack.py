"""Packs the charm for this machine's distribution, once for every content.

A previous revision comes from the history: its code, templates, options and actions, in the
package of the current one, whose Python packages suit it. To install its own takes another minute.

``python -m tests.support.charm.pack`` prints the path of the packed charm.
"""

from __future__ import annotations

import fcntl
import filecmp
import hashlib
import io
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile

import yaml

from .. import artefacts, paths

_INPUTS = (
    "LICENSE",
    "actions.yaml",
    "charmcraft.yaml",
    "config.yaml",
    "icon.svg",
    "lib",
    "lxd-profile.yaml",
    "requirements/run.txt",
    "src",
    "templates",
)
# The last one before modules got rooms: its service starts by other modules' names.
PREVIOUS = "3e53f45fa3d0586e7bc2810929f1f5931f53763c"
_FROM_HISTORY = ("actions.yaml", "config.yaml", "lib", "src", "templates")
# Made while packing, and where that revision looks for it.
_KEPT_IN_CURRENT = "src/retrofit/recipes/amphora/packed/"
_KEPT_IN_PREVIOUS = "src/retrofit/elements/packed/"
_IGNORED = ("__pycache__", "*.pyc", "*.egg-info")
_PACK_TIMEOUT_S = 900
_KEPT = 3
# charmcraft reads package lists with python-apt, which PyPI does not have; the whole of the
# system's packages would clash with what charmcraft brings along.
_SYSTEM_MODULES = ("apt", "apt_pkg*", "apt_inst*", "aptsources")
_SYSTEM_PACKAGES = pathlib.Path("/usr/lib/python3/dist-packages")


def charm() -> pathlib.Path:
    """Return the charm packed from the present content of the work tree."""
    lock = paths.REPOSITORY / "requirements" / "charmcraft.txt"
    digest = hashlib.sha256(lock.read_bytes())
    for path in _files():
        digest.update(f"{path.relative_to(paths.REPOSITORY)}\0{path.stat().st_mode}\0".encode())
        digest.update(path.read_bytes())
    directory = paths.cache() / "charm"
    directory.mkdir(exist_ok=True)
    packed = directory / f"octavia-diskimage-retrofit-{digest.hexdigest()[:16]}.charm"
    with (directory / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if packed.exists():
            packed.touch()
        else:
            os.replace(_pack(directory / "project"), packed)
            _forget(directory)
    return packed


def previous() -> pathlib.Path:
    """Return the charm as it was at :data:`PREVIOUS`.

    Raises:
        RuntimeError: The history of this clone does not reach back so far, and cannot be had.
    """
    present = charm()
    packed = present.with_name(f"previous-{PREVIOUS[:12]}-{present.name}")
    if packed.exists():
        return packed
    half_done = packed.with_suffix(".half")
    with (
        tarfile.open(fileobj=io.BytesIO(_tree(PREVIOUS))) as tree,
        zipfile.ZipFile(present) as source,
        zipfile.ZipFile(half_done, "w") as target,
    ):
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.startswith(_KEPT_IN_CURRENT):
                entry.filename = entry.filename.replace(_KEPT_IN_CURRENT, _KEPT_IN_PREVIOUS, 1)
            elif entry.filename.partition("/")[0] in _FROM_HISTORY:
                continue
            target.writestr(entry, content)
        for member in tree.getmembers():
            file = tree.extractfile(member)
            if file is not None:
                entry = zipfile.ZipInfo(member.name)
                entry.external_attr = (stat.S_IFREG | member.mode) << 16
                target.writestr(entry, file.read())
    os.replace(half_done, packed)
    return packed


def _tree(commit: str) -> bytes:
    """Return the files of a commit as a tar archive."""
    git = ["git", "-c", f"safe.directory={paths.REPOSITORY}", "-C", os.fspath(paths.REPOSITORY)]
    if subprocess.run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], check=False).returncode:
        # A shallow clone lacks it.
        subprocess.run([*git, "fetch", "--quiet", "--unshallow"], check=False)
    completed = subprocess.run(
        [*git, "archive", commit, *_FROM_HISTORY], capture_output=True, check=False
    )
    if completed.returncode != 0:
        raise RuntimeError(
            f"no previous revision to upgrade from: {completed.stderr.decode()}"
            "clone this repository with its history"
        )
    return completed.stdout


def _files() -> list[pathlib.Path]:
    """Return every file that goes into the charm or says how, sorted."""
    found: list[pathlib.Path] = []
    for name in _INPUTS:
        path = paths.REPOSITORY / name
        found += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sorted(
        file
        for file in found
        if not any(part.match(pattern) for part in (file, *file.parents) for pattern in _IGNORED)
    )


def _pack(project: pathlib.Path) -> pathlib.Path:
    """Pack in a copy of the work tree, where charmcraft keeps its parts for the next time."""
    _update(project)
    for previous in project.glob("*.charm"):
        previous.unlink()
    release = dict(
        line.split("=", 1)
        for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if "=" in line
    )
    distribution, version = release["ID"], release["VERSION_ID"].strip('"')
    architecture = subprocess.run(
        ["/usr/bin/dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    platform = f"{distribution}@{version}:{architecture}"
    metadata = project / "charmcraft.yaml"
    described = yaml.safe_load(metadata.read_text(encoding="utf-8"))
    # The charm is for releases of Ubuntu, and this machine may have none: what charmcraft knows no
    # base of it packs in place only.
    described["platforms"] = {platform: None}
    metadata.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    completed = subprocess.run(
        [_charmcraft(), "pack", "--destructive-mode", "--platform", platform],
        cwd=project,
        env={
            "HOME": str(pathlib.Path.home()),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
        }
        | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        | {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        capture_output=True,
        text=True,
        timeout=_PACK_TIMEOUT_S,
        check=False,
    )
    if completed.returncode != 0:
        raise RuntimeError(f"charmcraft failed:\n{completed.stdout}\n{completed.stderr}")
    [packed] = project.glob("*.charm")
    return packed


def _update(project: pathlib.Path) -> None:
    """Make the copy equal to the work tree.

    charmcraft takes up a file that is newer than its last run, and does not notice one that is
    gone: so what changed is written now, whatever its age in this work tree.
    """
    sources = {path.relative_to(paths.REPOSITORY): path for path in _files()}
    copied = project / "copied.txt"
    previous = copied.read_text(encoding="utf-8").splitlines() if copied.exists() else []
    if not set(previous) <= {str(name) for name in sources}:
        shutil.rmtree(project)
    for name, source in sources.items():
        target = project / name
        if target.exists() and _same(source, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    copied.write_text("".join(f"{name}\n" for name in sources), encoding="utf-8")


def _same(first: pathlib.Path, second: pathlib.Path) -> bool:
    modes = {path.stat().st_mode for path in (first, second)}
    return len(modes) == 1 and filecmp.cmp(first, second, shallow=False)


def _charmcraft() -> pathlib.Path:
    """Return charmcraft in an environment of its own, with the system's python-apt in reach."""
    environment = artefacts.programs("charmcraft")
    [site] = environment.glob("lib/python3*/site-packages")
    for pattern in _SYSTEM_MODULES:
        for module in _SYSTEM_PACKAGES.glob(pattern):
            if not (site / module.name).exists():
                (site / module.name).symlink_to(module)
    return environment / "bin" / "charmcraft"


def _forget(directory: pathlib.Path) -> None:
    """Remove all packed charms but the latest few."""
    packed = sorted(directory.glob("*.charm"), key=lambda path: path.stat().st_mtime)
    for path in packed[:-_KEPT]:
        path.unlink()


if __name__ == "__main__":
    print(charm())
    sys.exit(0)
