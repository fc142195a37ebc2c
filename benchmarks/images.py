"""What is in a disk image, read with the tools of its file systems."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator

from debian import deb822
from tests.support.building import contents

from retrofit.building.disk import conversion

_ROOT_LABEL = "cloudimg-rootfs"
_SOURCES = "/etc/apt/sources.list.d/debian.sources"
_FIELD = re.compile(r"^([A-Z][A-Za-z ]+):\s+(\d+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Image:
    """What the measurements need to know of an image of the noble layout.

    Attributes:
        packages: Names of the packages that are installed.
        used_bytes: What files take of its file systems, as ``df`` counts it: without inode
            tables and journals.
        archives: Its apt sources: base URL and suite.
    """

    packages: frozenset[str]
    used_bytes: int
    archives: tuple[tuple[str, str], ...]


def read(image: pathlib.Path) -> Image:
    """Read a qcow2 image."""
    with _opened(image) as file_systems:
        root = file_systems[_ROOT_LABEL]
        status = deb822.Packages.iter_paragraphs(
            _file(root, "/var/lib/dpkg/status"), use_apt_pkg=False
        )
        sources = deb822.Deb822.iter_paragraphs(_file(root, _SOURCES), use_apt_pkg=False)
        return Image(
            packages=frozenset(
                package["Package"] for package in status if package["Status"].endswith("installed")
            ),
            used_bytes=sum(map(_used, file_systems.values())),
            archives=tuple(
                (url, suite)
                for source in sources
                for url in source["URIs"].split()
                for suite in source["Suites"].split()
            ),
        )


@contextlib.contextmanager
def _opened(image: pathlib.Path) -> Iterator[dict[str, str]]:
    """Give where an image's file systems are, by label, as the tools of e2fsprogs take it."""
    with tempfile.TemporaryDirectory(prefix="retrofit-bench-", dir="/var/tmp") as directory:
        raw = pathlib.Path(directory, "disk.raw")
        conversion.to_raw(image, raw)
        yield {label: f"{raw}?offset={start}" for label, start in contents.file_systems(raw)}


def _file(file_system: str, path: str) -> str:
    """Return the text of a file; empty if there is none."""
    return _output("debugfs", "-R", f"cat {path}", file_system)


def _used(file_system: str) -> int:
    """Return the bytes of a file system that files take."""
    fields = {name: int(value) for name, value in _FIELD.findall(_header(file_system))}
    blocks = fields["Block count"] - fields["Free blocks"] - fields["Overhead clusters"]
    return blocks * fields["Block size"]


def _header(file_system: str) -> str:
    return _output("dumpe2fs", "-h", file_system)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
