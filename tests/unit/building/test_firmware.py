"""Which firmware starts a disk."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import model
from retrofit.building.disk import firmware, partitions

_ESP, _OLD_ESP = firmware.ESP_TYPES
_PREP, _OLD_PREP = firmware.PREP_TYPES
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


def _disk(path: pathlib.Path, *, code: bool, core: bool) -> pathlib.Path:
    """Write a disk with boot code in its first sector, and in its second MiB."""
    with path.open("wb") as disk:
        disk.truncate(4 * model.MIB)
        disk.write(b"\xeb" if code else b"")
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(model.MIB)
        disk.write(b"core" if core else b"")
    return path


def _table(kind: str, *types: str) -> partitions.Table:
    listed = [
        partitions.Partition(
            number=number,
            start=number * model.MIB,
            size=model.MIB,
            type_code=each,
            uuid="",
            filesystem=None,
        )
        for number, each in enumerate(types, start=1)
    ]
    return partitions.Table(kind, 512, tuple(listed))


@pytest.mark.parametrize(
    ("table", "code", "core", "fault"),
    [
        (_table("gpt", _BIOS_BOOT, _ESP, _LINUX), True, True, ""),
        (
            _table("gpt", _BIOS_BOOT, _ESP, _LINUX),
            False,
            True,
            "the first sector has no boot code",
        ),
        (
            _table("gpt", _BIOS_BOOT, _ESP, _LINUX),
            True,
            False,
            "the BIOS boot partition 1 is empty",
        ),
        (_table("gpt", _ESP, _LINUX), True, True, "the BIOS boot partition is missing"),
        (_table("dos", _OLD_ESP, "83"), True, False, ""),
        (_table("dos", _OLD_ESP, "83"), False, False, "the first sector has no boot code"),
    ],
)
def test_what_a_bios_starts(
    tmp_path: pathlib.Path, table: partitions.Table, code: bool, core: bool, fault: str
) -> None:
    raw = _disk(tmp_path / "raw", code=code, core=core)
    assert firmware.bios_fault(raw, table) == fault
    assert firmware.is_uefi_alone(raw, table, "amd64") is (fault != "")
    # There is no other firmware.
    assert not firmware.is_uefi_alone(raw, table, "arm64")


@pytest.mark.parametrize(
    ("table", "content", "fault"),
    [
        (_table("gpt", _PREP, _LINUX), b"\x7fELF\x01\x02", ""),
        (_table("dos", _OLD_PREP, "83"), b"\x7fELF\x01\x02", ""),
        (_table("gpt", _LINUX), b"\x7fELF", "the PReP boot partition is missing"),
        (_table("gpt", _PREP, _LINUX), b"", "the PReP boot partition 1 has no program"),
        (_table("gpt", _PREP, _LINUX), b"core", "the PReP boot partition 1 has no program"),
    ],
)
def test_what_open_firmware_starts(
    tmp_path: pathlib.Path, table: partitions.Table, content: bytes, fault: str
) -> None:
    raw = _disk(tmp_path / "raw", code=False, core=False)
    with raw.open("r+b") as disk:
        disk.seek(model.MIB)
        disk.write(content)
    assert firmware.open_firmware_fault(raw, table) == fault


@pytest.mark.parametrize("kind", ["gpt", "dos"])
def test_what_nothing_starts_is_not_for_uefi(tmp_path: pathlib.Path, kind: str) -> None:
    raw = _disk(tmp_path / "raw", code=False, core=False)
    assert not firmware.is_uefi_alone(raw, _table(kind, _LINUX), "amd64")
