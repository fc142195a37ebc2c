"""Makes binary packages: of files that a test names, or of another package."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping

from retrofit.host import process

_TIMEOUT_S = 300.0
_FIELDS = {
    "Architecture": "all",
    "Maintainer": "Test <test@example.com>",
    "Description": "made by a test",
}


@dataclasses.dataclass(frozen=True)
class Package:
    """What a package is.

    Attributes:
        name: Its name.
        version: Its version.
        fields: Further fields of its control file.
        files: What it brings, by path.
        programs: Files that may be executed, by path.
        scripts: Maintainer scripts, by name.
        configuration: Which of its files dpkg does not replace once they are changed.
    """

    name: str
    version: str
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    programs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scripts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    configuration: tuple[str, ...] = ()


def make(pool: pathlib.Path, package: Package) -> None:
    """Make a package in a directory."""
    with _tree() as root:
        control = {"Package": package.name, "Version": package.version}
        _write(root / "DEBIAN/control", _control(control | _FIELDS | dict(package.fields)))
        for path, data in package.files.items():
            _write(root / path, data)
        for path, text in package.programs.items():
            _write(root / path, text.encode(), mode=0o755)
        for name, text in package.scripts.items():
            _write(root / "DEBIAN" / name, text.encode(), mode=0o755)
        if package.configuration:
            names = "".join(f"/{path}\n" for path in package.configuration)
            _write(root / "DEBIAN/conffiles", names.encode())
        _build(root, pool)


def remake(
    pool: pathlib.Path,
    deb: pathlib.Path,
    fields: Mapping[str, str],
    change: Callable[[pathlib.Path], None] | None = None,
) -> None:
    """Make a package in a directory out of another one.

    Args:
        pool: The directory.
        deb: The other package.
        fields: Fields of its control file that are others, or are added.
        change: Changes the files, given the directory with all of them.
    """
    with _tree() as root:
        process.run(["dpkg-deb", "--raw-extract", deb, root], timeout_s=_TIMEOUT_S)
        path = root / "DEBIAN/control"
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.partition(":")[0] not in fields]
        path.write_bytes(_control(fields) + "".join(kept).encode())
        if change is not None:
            change(root)
        _build(root, pool)


@contextlib.contextmanager
def _tree() -> Iterator[pathlib.Path]:
    """Give a directory for the files of a package."""
    with tempfile.TemporaryDirectory(prefix="package-") as name:
        root = pathlib.Path(name, "root")
        root.mkdir()
        yield root


def _control(fields: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


def _write(path: pathlib.Path, data: bytes, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _build(root: pathlib.Path, pool: pathlib.Path) -> None:
    pool.mkdir(parents=True, exist_ok=True)
    words = ["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", root, pool]
    process.run(words, timeout_s=_TIMEOUT_S)
