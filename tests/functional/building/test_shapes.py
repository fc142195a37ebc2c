"""A disk has the root file system that was asked for, or is refused before anything is made."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images

from retrofit import errors, model
from retrofit.base_images.scratch import disk, shape
from retrofit.building.disk import layout, superblock, tree
from retrofit.host.sandbox import workshop

_ASKED = shape.Shape(
    "noble", 1400 * model.MIB, "mine", ("-i4096", "-Jsize=16", "-m1", "-O^metadata_csum")
)


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


def test_a_root_file_system_is_as_asked_for_and_stays_so(work: pathlib.Path) -> None:
    def scenario(_: object) -> tuple[superblock.Parameters, superblock.Parameters, str]:
        raw, files, place = work / "disk.raw", work / "files", work / "place"
        tiny_images.plant(files)
        place.mkdir()
        disk.make(
            files,
            raw,
            like=_ASKED,
            release=tiny_images.RELEASE,
            identity="any",
            moment=None,
            work=place,
        )
        found = layout.read(raw, work)
        made = superblock.read(raw, found.root.partition.start)
        with tree.open_tree(raw, found, work) as opened:
            table = (opened.path / "etc/fstab").read_text()
            (opened.path / "new").write_text("new")
            opened.write_back()
        return made, superblock.read(raw, found.root.partition.start), table

    made, changed, table = workshop.run(work, scenario, base_images.Silent())

    assert "LABEL=mine\t/\text4" in table
    for found in (made, changed):
        assert found.values["Filesystem volume name"] == "mine"
        assert found.journal == 16 * model.MIB
        assert "metadata_csum" not in found.features
        size = found.number("Block count") * found.number("Block size")
        assert size / found.number("Inode count") == pytest.approx(4096, rel=0.05)
        reserved = found.number("Reserved block count") / found.number("Block count")
        assert reserved == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("-I100", "mke2fs does not take the options -I100: "),
        ("-Onever", "mke2fs does not take the options -Onever: "),
        ("-Oquota", "no build could keep what the mkfs options -Oquota ask for"),
    ],
)
def test_options_are_tried_before_anything_is_made(
    tmp_path: pathlib.Path, word: str, said: str
) -> None:
    with pytest.raises(errors.ConfigError) as refusal:
        disk.check(shape.Shape("jammy", tuning=(word,)), tmp_path)
    assert refusal.value.message.startswith(said)
    assert list(tmp_path.iterdir()) == []
