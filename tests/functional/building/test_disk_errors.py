"""Images that cannot be used say why, in one line."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from tests.support import scratch

from retrofit import errors, model
from retrofit.building.disk import conversion, layout, partitions

_QCOW2 = ["qemu-img", "create", "-q", "-f", "qcow2"]


def _filled(path: pathlib.Path, *, compressed: bool) -> pathlib.Path:
    """Make a qcow2 with 8 MiB of data in the middle of 64 MiB."""
    raw = path.with_suffix(".raw")
    with raw.open("wb") as stream:
        stream.seek(20 * model.MIB)
        stream.write(bytes(range(256)) * 4 * 8192)
        stream.truncate(64 * model.MIB)
    options = ["-c"] if compressed else []
    subprocess.run(["qemu-img", "convert", *options, "-O", "qcow2", raw, path], check=True)
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("left", [100, 0.1, 0.3, 0.6, 0.9])
def test_a_truncated_qcow2(tmp_path: pathlib.Path, left: float, compressed: bool) -> None:
    image = _filled(tmp_path / "image.qcow2", compressed=compressed)
    size = image.stat().st_size
    with image.open("r+b") as stream:
        stream.truncate(int(left) if left > 1 else int(size * left))
    with pytest.raises(errors.ImageError, match=r"damaged|truncated|cannot be read"):
        conversion.to_raw(image, tmp_path / "out.raw")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_whole_qcow2_is_no_error(tmp_path: pathlib.Path, compressed: bool) -> None:
    image = _filled(tmp_path / "image.qcow2", compressed=compressed)
    conversion.to_raw(image, tmp_path / "out.raw")
    assert (tmp_path / "out.raw").read_bytes() == image.with_suffix(".raw").read_bytes()


def test_a_qcow2_that_reads_another_file(tmp_path: pathlib.Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the host" * 10_000)
    image = tmp_path / "image.qcow2"
    subprocess.run([*_QCOW2, "-b", secret, "-F", "raw", image], check=True)
    with pytest.raises(errors.ImageError, match="needs the file"):
        conversion.to_raw(image, tmp_path / "out.raw")


def test_a_qcow2_with_its_data_elsewhere(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "image.qcow2"
    subprocess.run([*_QCOW2, "-o", f"data_file={tmp_path / 'data'}", image, "1M"], check=True)
    with pytest.raises(errors.ImageError, match="needs the file"):
        conversion.to_raw(image, tmp_path / "out.raw")


def test_an_encrypted_qcow2(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "image.qcow2"
    key = ["--object", "secret,id=key,data=abc"]
    # LUKS would measure the processor first, which fails where its times are coarse.
    options = ["-o", "encrypt.format=aes,encrypt.key-secret=key"]
    subprocess.run([*_QCOW2, *key, *options, image, "4M"], check=True)
    with pytest.raises(errors.ImageError, match="encrypted"):
        conversion.to_raw(image, tmp_path / "out.raw")


def test_a_raw_image_that_begins_like_another_format(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "image.raw"
    image.write_bytes(b"KDMV" + b"\0" * 4092)
    conversion.to_raw(image, tmp_path / "out.raw")
    assert (tmp_path / "out.raw").read_bytes() == image.read_bytes()


@pytest.mark.parametrize("content", [b"", b"just a text\n", b"\0" * model.MIB])
def test_no_disk_at_all(tmp_path: pathlib.Path, content: bytes) -> None:
    image = tmp_path / "image.raw"
    image.write_bytes(content)
    raw = tmp_path / "out.raw"
    conversion.to_raw(image, raw)
    with pytest.raises(errors.ImageError, match="no partition table"):
        layout.read(raw, tmp_path)


def _partitioned(raw: pathlib.Path) -> None:
    with raw.open("wb") as stream:
        stream.truncate(32 * model.MIB)
    subprocess.run(["sfdisk", "-q", raw], input=b"label: gpt\n1: start=2048\n", check=True)


def test_no_operating_system_on_the_disk(tmp_path: pathlib.Path) -> None:
    raw = tmp_path / "disk.raw"
    _partitioned(raw)
    subprocess.run(["mke2fs", "-q", "-E", f"offset={model.MIB}", raw, "30M"], check=True)
    with pytest.raises(errors.ImageError, match="no operating system"):
        layout.read(raw, tmp_path)


def test_a_truncated_raw_image(tmp_path: pathlib.Path) -> None:
    raw = tmp_path / "disk.raw"
    _partitioned(raw)
    with raw.open("r+b") as stream:
        stream.truncate(16 * model.MIB)
    with pytest.raises(errors.ImageError, match="truncated"):
        partitions.read(raw)


def test_a_system_without_dpkg(tmp_path: pathlib.Path) -> None:
    raw = tmp_path / "disk.raw"
    _partitioned(raw)
    tree = tmp_path / "tree"
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/os-release").write_text('ID=other\nPRETTY_NAME="Other Linux 9"\n')
    words = ["mke2fs", "-q", "-d", tree, "-E", f"offset={model.MIB}", raw, "30M"]
    subprocess.run(words, check=True)
    with pytest.raises(errors.ImageError, match="Other Linux 9, which has neither dpkg nor"):
        layout.read(raw, tmp_path)


def test_a_full_disk(tmp_path: pathlib.Path, full_disk: pathlib.Path) -> None:
    image = _filled(tmp_path / "image.qcow2", compressed=True)
    with pytest.raises(errors.NoSpace, match=r"no space for out\.raw"):
        conversion.to_raw(image, full_disk / "out.raw")


@pytest.fixture
def full_disk(tmp_path: pathlib.Path):
    """A file system of 4 MiB."""
    with scratch.file_system(tmp_path / "small", mebibytes=4) as place:
        yield place
