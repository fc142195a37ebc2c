"""Files that a build leaves: all or none, each in its format."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

from retrofit import errors, model
from retrofit.building import outputs
from retrofit.building.disk import conversion

_DRIVERS = {"vhd": "vpc"}
_DISKS = [one for one in model.FileFormat if one not in model.TREE_FORMATS]


def test_all_files_are_delivered(tmp_path: pathlib.Path):
    pairs = [(tmp_path / f"made-{name}", tmp_path / name) for name in ("a", "b")]
    for made, _ in pairs:
        made.write_text(made.name)

    outputs.deliver_together(pairs)

    assert [target.read_text() for _, target in pairs] == ["made-a", "made-b"]


def test_none_is_delivered_if_one_cannot_be(tmp_path: pathlib.Path):
    made, before = tmp_path / "made", tmp_path / "before"
    made.write_text("new")
    before.write_text("old")

    with pytest.raises(errors.OutputError, match="cannot write .*/missing/b: No such file"):
        outputs.deliver_together([(made, before), (made, tmp_path / "missing/b")])

    assert before.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["before", "made"]


@pytest.mark.parametrize("file_format", _DISKS)
def test_a_disk_is_the_same_in_each_format(file_format: model.FileFormat, tmp_path: pathlib.Path):
    raw, made = tmp_path / "disk", tmp_path / "made"
    # Not a whole number of cylinders, to which a VHD would be rounded up.
    raw.write_bytes(os.urandom(model.MIB) + bytes(5 * model.MIB) + os.urandom(model.MIB))

    conversion.from_raw(raw, made, file_format)

    driver = _DRIVERS.get(file_format, str(file_format))
    words = ["qemu-img", "compare", "-f", "raw", "-F", driver, raw, made]
    assert subprocess.run(words, stdout=subprocess.DEVNULL).returncode == 0
    words = ["qemu-img", "info", "-f", driver, "--output=json", made]
    about = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    assert about["virtual-size"] == raw.stat().st_size


@pytest.mark.parametrize("compression", model.Compression)
def test_a_qcow2_is_compressed_as_it_is_wanted(
    compression: model.Compression, tmp_path: pathlib.Path
):
    raw, made = tmp_path / "disk", tmp_path / "made"
    raw.write_bytes(b"the same again " * 200_000)

    conversion.from_raw(raw, made, model.FileFormat.QCOW2, compression)

    small = made.stat().st_size < raw.stat().st_size / 2
    assert small == (compression is not model.Compression.NONE)
