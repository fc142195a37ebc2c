"""Options of disk formats are tried before there is anything to convert."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.building.disk import conversion
from retrofit.model import Compression, FileFormat


@pytest.mark.parametrize(
    ("formats", "options"),
    [
        ([FileFormat.TAR], ""),
        ([FileFormat.QCOW2], "compat=0.10,cluster_size=128k"),
        ([FileFormat.QCOW2, FileFormat.RAW, FileFormat.TAR], "lazy_refcounts=off"),
        ([FileFormat.VMDK], "adapter_type=lsilogic"),
    ],
)
def test_what_formats_take(formats: list[FileFormat], options: str) -> None:
    conversion.check_options(formats, options)


@pytest.mark.parametrize(
    ("formats", "options", "said"),
    [
        ([FileFormat.QCOW2], "compat=9", "the format qcow2 does not take the qemu-img options"),
        ([FileFormat.QCOW2, FileFormat.VHD], "compat=0.10", "the format vhd does not take the"),
        ([FileFormat.RAW, FileFormat.TAR], "compat=1.1", "no file takes the qemu-img options"),
        ([FileFormat.QCOW2], "backing_file=x", "the qemu-img option 'backing_file=x' is not"),
        ([FileFormat.QCOW2], "data_file=x", "the qemu-img option 'data_file=x' is not"),
        ([FileFormat.QCOW2], "encrypt.format=luks", "the qemu-img option 'encrypt.format=luks'"),
        ([FileFormat.QCOW2], "encryption=on", "the qemu-img option 'encryption=on' is not"),
        ([FileFormat.QCOW2], "size=1", "the qemu-img option 'size=1' is not"),
        ([FileFormat.QCOW2], "compat=../x", "the qemu-img option 'compat=../x' is not"),
        ([FileFormat.QCOW2], "compat", "the qemu-img option 'compat' is not"),
        ([FileFormat.QCOW2], "compat=1.1,", "the qemu-img option '' is not"),
    ],
)
def test_what_they_do_not(formats: list[FileFormat], options: str, said: str) -> None:
    with pytest.raises(errors.ConfigError) as refusal:
        conversion.check_options(formats, options)
    assert refusal.value.message.startswith(said)


def test_options_are_tried_with_the_compression_of_the_build() -> None:
    conversion.check_options([FileFormat.QCOW2], "compat=0.10", Compression.ZLIB)
    with pytest.raises(errors.ConfigError, match="does not take the qemu-img options compat=0.10"):
        conversion.check_options([FileFormat.QCOW2], "compat=0.10", Compression.ZSTD)


@pytest.mark.parametrize(
    ("options", "compression"),
    [
        ("compat=0.10", Compression.ZLIB),
        ("cluster_size=128k,compat=v2", Compression.ZLIB),
        ("compat=1.1", None),
        ("", None),
    ],
)
def test_the_former_version_knows_one_compression(
    options: str, compression: Compression | None
) -> None:
    assert conversion.compression_of(options) is compression
