"""Which firmware starts a disk: BIOS by code in its first sectors, UEFI by a system partition.

Open Firmware, as machines for ppc64el have it, starts a program that fills a partition (PReP).
"""

from __future__ import annotations

import pathlib

from . import partitions

# GPT type "BIOS boot" of GRUB, where code in the first sector finds the rest.
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
ESP_TYPES = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef")
# GPT type "PReP boot", and that of an MBR.
PREP_TYPES = ("9E1A2D38-C612-4316-AA26-8B49521E5A8B", "41")
_ELF = b"\x7fELF"
_BOOT_CODE_SIZE = 440
_BOOT_SIGNATURE = b"\x55\xaa"
_SECTOR = 512
_SAMPLE = 4096
# By Debian's names: architectures of which machines have a BIOS, and of which Open Firmware.
WITH_BIOS = ("amd64", "i386")
WITH_OPEN_FIRMWARE = ("ppc64el",)


def bios_fault(raw: pathlib.Path, table: partitions.Table) -> str:
    """Say why a BIOS would start nothing; nothing if it would."""
    with raw.open("rb") as disk:
        first = disk.read(_SECTOR)
    if first[510:] != _BOOT_SIGNATURE or not any(first[:_BOOT_CODE_SIZE]):
        return "the first sector has no boot code"
    if table.kind != "gpt":
        return ""
    core = [one for one in table.partitions if one.type_code == BIOS_BOOT]
    if not core:
        return "the BIOS boot partition is missing"
    return "" if has_data(raw, core[0]) else f"the BIOS boot partition {core[0].number} is empty"


def open_firmware_fault(raw: pathlib.Path, table: partitions.Table) -> str:
    """Say why Open Firmware would start nothing; nothing if it would."""
    found = next((one for one in table.partitions if one.type_code in PREP_TYPES), None)
    if found is None:
        return "the PReP boot partition is missing"
    with raw.open("rb") as disk:
        disk.seek(found.start)
        if disk.read(len(_ELF)) == _ELF:
            return ""
    return f"the PReP boot partition {found.number} has no program"


def is_uefi_alone(raw: pathlib.Path, table: partitions.Table, architecture: str) -> bool:
    """Tell whether a machine with a BIOS does not start a disk that one with UEFI may start."""
    return (
        architecture in WITH_BIOS
        and any(one.type_code in ESP_TYPES for one in table.partitions)
        and bios_fault(raw, table) != ""
    )


def has_data(raw: pathlib.Path, partition: partitions.Partition) -> bool:
    """Tell whether a partition begins with anything but zeros."""
    with raw.open("rb") as disk:
        disk.seek(partition.start)
        return any(disk.read(_SAMPLE))
