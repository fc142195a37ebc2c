"""The first difference of two disks is named by what a person would look for."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images

from retrofit.building.disk import difference, layout, partitions, tree
from retrofit.host.sandbox import workshop

_CHANGES: dict[str, tuple[Callable[[pathlib.Path], object], str]] = {
    "content": (
        lambda files: (files / "many/007-file").write_text("other"),
        "/many/007-file differs in its content",
    ),
    "same size": (
        lambda files: (files / "etc/hostname").write_text("tinz\n"),
        "/etc/hostname differs in its content",
    ),
    "mode": (
        lambda files: (files / "etc/hostname").chmod(0o600),
        "/etc/hostname differs in its mode: 0640 and 0600",
    ),
    "owner": (
        lambda files: os.chown(files / "many/007-file", 3, 4),
        "/many/007-file differs in its owner: 0:0 and 3:4",
    ),
    "link": (
        lambda files: (
            (files / "etc/os-release").unlink(),
            (files / "etc/os-release").symlink_to("elsewhere"),
        ),
        "/etc/os-release differs in its target: ../usr/lib/os-release and elsewhere",
    ),
    "kind": (
        lambda files: ((files / "many/007-file").unlink(), (files / "many/007-file").mkdir()),
        "/many/007-file differs in its kind: file and directory",
    ),
    "attribute": (
        lambda files: os.setxattr(files / "many/007-file", "user.note", b"new"),
        "/many/007-file differs in its extended attributes",
    ),
    "time": (
        lambda files: os.utime(files / "many/007-file", (5, 5)),
        "/many/007-file differs in its time: ",
    ),
    "more": (
        lambda files: (files / "etc/new").write_text("new"),
        "/etc/new is in the second alone",
    ),
    "less": (
        lambda files: (files / "many/007-file").unlink(),
        "/many/007-file is in the first alone",
    ),
}


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


def _changed(raw: pathlib.Path, copy: pathlib.Path, change: Callable[..., object]) -> None:
    """Make a copy of an image with one change, and keep the times of directories."""
    shutil.copyfile(raw, copy)
    place = copy.with_suffix(".place")
    place.mkdir()
    with tree.open_tree(copy, layout.read(copy, place), place) as opened:
        times = {each: (opened.path / each).stat().st_mtime_ns for each in ("etc", "many", ".")}
        change(opened.path)
        for each, time_ns in times.items():
            os.utime(opened.path / each, ns=(time_ns, time_ns))
        opened.write_back()


def test_the_first_difference_is_named(work: pathlib.Path) -> None:
    def scenario(_: object) -> dict[str, str]:
        raw = work / "one.raw"
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        found = {}
        for number, (name, (change, _)) in enumerate(_CHANGES.items()):
            other, place = work / f"{number}.raw", work / f"look-{number}"
            _changed(raw, other, change)
            place.mkdir()
            found[name] = difference.first(raw, other, place)
            other.unlink()
        return found

    found = workshop.run(work, scenario, base_images.Silent())

    assert found.keys() == _CHANGES.keys()
    for name, (_, said) in _CHANGES.items():
        assert found[name].startswith(said), name


def test_what_is_in_no_file(work: pathlib.Path) -> None:
    def scenario(_: object) -> tuple[str, str, str, int]:
        raw = work / "one.raw"
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        same, code, larger = (work / f"{name}.raw" for name in ("same", "code", "larger"))
        for copy in (same, code, larger):
            shutil.copyfile(raw, copy)
        start = next(one.start for one in partitions.read(raw).partitions if one.number == 14)
        with code.open("r+b") as stream:
            stream.seek(start + 5)
            stream.write(b"x")
        with larger.open("r+b") as stream:
            stream.seek(10)
            stream.write(b"x")
        found = []
        for other in (same, code, larger):
            place = work / f"look-{other.stem}"
            place.mkdir()
            found.append(difference.first(raw, other, place))
        return *found, start  # type: ignore[return-value]

    same, code, outside, start = workshop.run(work, scenario, base_images.Silent())

    assert same == ""
    files = "all files are the same, and byte"
    assert code == f"{files} {start + 5} of the disk, in partition 14, differs"
    assert outside == f"{files} 10 of the disk, outside of all partitions, differs"
