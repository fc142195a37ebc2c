"""The same files make the same disk, whenever and in whatever order they came to be."""

from __future__ import annotations

import os
import pathlib
import shutil
import time
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images

from retrofit import errors
from retrofit.base_images.scratch import disk, shape
from retrofit.building.disk import layout, tree
from retrofit.host import files, source_date
from retrofit.host.sandbox import workshop

_MOMENT = 1_700_000_000


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


def _copied_backwards(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a tree so that directories give what is in them in another order."""
    target.mkdir()
    for entry in sorted(source.iterdir(), reverse=True):
        copy = target / entry.name
        if entry.is_dir() and not entry.is_symlink():
            _copied_backwards(entry, copy)
        else:
            shutil.copy2(entry, copy, follow_symlinks=False)
            _same_owner(entry, copy)
    shutil.copystat(source, target)
    _same_owner(source, target)


def _same_owner(source: pathlib.Path, target: pathlib.Path) -> None:
    status = source.lstat()
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(status.st_mode)


def _made(files_of: pathlib.Path, place: pathlib.Path, moment: int | None) -> pathlib.Path:
    place.mkdir()
    source_date.declare(moment)
    raw = place / "disk.raw"
    disk.make(
        files_of,
        raw,
        like=shape.Shape("noble"),
        release=tiny_images.RELEASE,
        identity="same",
        moment=moment,
        work=place,
    )
    return raw


def _changed(raw: pathlib.Path, place: pathlib.Path, names: list[str]) -> None:
    """Write some more files into an image, as a build does."""
    place.mkdir()
    with tree.open_tree(raw, layout.read(raw, place), place) as opened:
        for name in names:
            (opened.path / "var" / name).write_text(name)
        tiny_images.decorate(opened.path)
        source_date.clamp(opened.path, _MOMENT)
        opened.write_back(_MOMENT)


@pytest.mark.parametrize("moment", [_MOMENT, None], ids=["at a moment", "at any time"])
def test_a_disk_from_scratch(work: pathlib.Path, moment: int | None) -> None:
    def scenario(_: object) -> list[str]:
        tiny_images.plant(work / "first")
        _copied_backwards(work / "first", work / "second")
        digests = []
        for name in ("first", "second"):
            raw = _made(work / name, work / f"place-of-{name}", moment)
            digests.append(files.digest(raw, "sha256"))
            # Times in file systems are seconds.
            time.sleep(1.1)
        return digests

    first, second = workshop.run(work, scenario, base_images.Silent())

    assert (first == second) == (moment is not None)


def test_an_image_that_is_changed(work: pathlib.Path) -> None:
    names = [f"new-{number}" for number in range(50)]

    def scenario(_: object) -> list[object]:
        tiny_images.plant(work / "files")
        first = _made(work / "files", work / "place", None)
        second = work / "copy.raw"
        shutil.copyfile(first, second)
        _changed(first, work / "first", names)
        time.sleep(1.1)
        _changed(second, work / "second", names[::-1])
        (place := work / "again").mkdir()
        with tree.open_tree(first, layout.read(first, place), place) as opened:
            read = tiny_images.snapshot(opened.path)
        return [files.digest(first, "sha256"), files.digest(second, "sha256"), read]

    first, second, read = workshop.run(work, scenario, base_images.Silent())

    assert first == second
    attributes = {path: dict(entry.attributes) for path, entry in read.items()}
    assert attributes["usr/lib/program"] == {"security.capability": tiny_images.CAPABILITY}
    assert attributes["etc/hostname"] == {"user.note": b"kept \0 whole"}
    for which in ("access", "default"):
        name = f"system.posix_acl_{which}"
        assert attributes["var/log/journal"][name] == tiny_images.ACCESS_LIST


@pytest.mark.slow
def test_what_is_not_ext4_is_refused(work: pathlib.Path) -> None:
    raw = work / "disk.raw"

    def scenario(_: object) -> None:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="xfs")
        found = layout.read(raw, work)
        with tree.open_tree(raw, found, work) as opened:
            opened.check_repeatable()

    with pytest.raises(errors.ImageError, match="the xfs file system at / cannot be written bit"):
        workshop.run(work, scenario, base_images.Silent())
