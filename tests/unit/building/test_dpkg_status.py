"""Reading the packages of an image with dpkg."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors, model
from retrofit.building.package_managers import dpkg_status

STATUS = """\
Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13.dfsg-1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libc6
Status: hold ok installed
Architecture: i386
Version: 2.36-9
Description: one line
 and more: of it

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: broken
Status: install ok half-configured
Architecture: all
Version: 2
"""


def test_installed_packages_are_sorted(tmp_path: pathlib.Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    assert dpkg_status.read(tmp_path) == (
        model.Package("libc6", "2.36-9", "amd64"),
        model.Package("libc6", "2.36-9", "i386"),
        model.Package("zlib1g", "1:1.2.13.dfsg-1", "amd64"),
    )


def test_a_tree_without_packages_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    with pytest.raises(errors.ImageError, match="no package is installed"):
        dpkg_status.read(tmp_path)


def test_a_tree_without_dpkg_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ImageError, match="the image has no dpkg database"):
        dpkg_status.read(tmp_path)


@pytest.mark.parametrize("field", ["Package", "Version", "Architecture"])
def test_a_damaged_list_is_named(field: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    lines = [line for line in STATUS.splitlines(keepends=True) if not line.startswith(field)]
    (tmp_path / "var/lib/dpkg/status").write_text("".join(lines))

    with pytest.raises(errors.ImageError, match=rf"dpkg database is damaged: .* has no {field}"):
        dpkg_status.read(tmp_path)
