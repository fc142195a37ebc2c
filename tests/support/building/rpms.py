"""Makes packages for rpm, and repositories of them."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence

from ..base_images import stream_tree

_SPEC = """\
Name: {name}
Version: {version}
Release: {release}
{epoch}Summary: {name}
License: none
AutoReqProv: no
{architecture}{requires}{provides}
%description
{name}
{scripts}
%files{files}
%defattr(-,root,root,-)
"""
# Nothing is stripped, compressed or otherwise changed that a package is made of.
_MACROS = {
    "_binary_payload": "w1.gzdio",
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_id_links": "none",
    # A tree is for several packages.
    "__check_files": "%{nil}",
    "_missing_build_ids_terminate_build": "0",
}


@dataclasses.dataclass(frozen=True)
class Package:
    """A package to be made.

    Attributes:
        name: Its name.
        version: Its version, without epoch and release.
        release: Its release.
        epoch: Its epoch; empty for none.
        files: Content of files, by their paths from the root.
        modes: Modes of files, by their paths; 0644 for others.
        directories: Empty directories, by their paths.
        tree: Directory with further files; empty for none.
        paths: Those of its files and directories that belong to the package, from the root.
        requires: Other packages that it needs.
        provides: What it has beside its name.
        scripts: Sections of a spec file with scripts.
        architecture: Its architecture.
    """

    name: str
    version: str = "1.0"
    release: str = "1"
    epoch: str = ""
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    modes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    directories: Sequence[str] = ()
    tree: pathlib.Path | None = None
    paths: Sequence[str] = ()
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    scripts: str = ""
    architecture: str = "x86_64"


def make(repository: pathlib.Path, package: Package) -> pathlib.Path:
    """Put a package into the directory of a repository; return its file."""
    repository.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rpm-", dir=repository) as name:
        place = pathlib.Path(name)
        root = package.tree or place / "root"
        listed = [*package.paths]
        for path, content in package.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(package.modes.get(path, 0o644))
            listed.append(path)
        for path in package.directories:
            (root / path).mkdir(parents=True, exist_ok=True)
            listed.append(path)
        root.mkdir(exist_ok=True)
        (place / "files").write_text("".join(_line(root, path) for path in listed))
        spec = place / "package.spec"
        spec.write_text(_spec(package, place / "files"))
        macros = _MACROS | {"_topdir": str(place / "top"), "_rpmdir": str(place / "made")}
        words = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
        _run("rpmbuild", "-bb", "--noclean", "--quiet", "--buildroot", root, *words, spec)
        (made,) = (place / "made").rglob("*.rpm")
        return shutil.move(made, repository / made.name)


def sign(packages: Iterable[pathlib.Path], signer: stream_tree.Signer) -> None:
    """Sign packages with somebody's key."""
    words = ["--define", "_gpg_name Mirror", "--define", f"_gpg_path {signer.home}"]
    words += ["--define", "__gpg /usr/bin/gpg"]
    _run("rpmsign", "--addsign", *words, *packages)


def index(repository: pathlib.Path, advisories: str = "") -> None:
    """Write the index of a repository.

    Args:
        repository: Its directory.
        advisories: XML text of advisories; empty for none.
    """
    _run("createrepo_c", "--quiet", repository)
    if advisories:
        with tempfile.TemporaryDirectory(prefix="advisories-") as place:
            file = pathlib.Path(place, "updateinfo.xml")
            file.write_text(advisories)
            _run("modifyrepo_c", "--mdtype=updateinfo", file, repository / "repodata")


def _spec(package: Package, files: pathlib.Path) -> str:
    requires = "".join(f"Requires: {name}\n" for name in package.requires)
    noarch = "BuildArch: noarch\n" if package.architecture == "noarch" else ""
    return _SPEC.format(
        name=package.name,
        version=package.version,
        release=package.release,
        epoch=f"Epoch: {package.epoch}\n" if package.epoch else "",
        architecture=noarch,
        requires=requires,
        provides="".join(f"Provides: {name}\n" for name in package.provides),
        scripts=package.scripts,
        files=f" -f {files}" if files.stat().st_size else "",
    )


def _line(root: pathlib.Path, path: str) -> str:
    """Return the line of a list of files; what has a meaning in patterns is matched by one."""
    place = root / path
    escaped = "".join("?" if letter in '*?[]{}\\"' else letter for letter in f"/{path}")
    escaped = escaped.replace("%", "%%")
    is_directory = place.is_dir() and not place.is_symlink()
    return f'{"%dir " if is_directory else ""}"{escaped}"\n'


def _run(*words: str | os.PathLike[str]) -> None:
    completed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-2000:]
