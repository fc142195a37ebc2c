"""What fstab names, and what grub is told."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit import errors, model
from retrofit.building.disk import grub, layout, partitions, volume

_UUIDS = {
    1: "24dbfdc7-4cb6-401c-8d52-aa0e2133db3a",
    15: "7417-5685",
    16: "d61b3656-20ff-4a6b-adc7-98f49ce14fe8",
}
_ROOT = partitions.Filesystem("ext4", _UUIDS[1], "cloudimg-rootfs")
_ESP = partitions.Filesystem("vfat", _UUIDS[15], "UEFI")
_BOOT = partitions.Filesystem("ext4", _UUIDS[16], "BOOT")
_RELEASE = model.Release("debian", "12", "bookworm", "amd64")


def _partition(number: int, filesystem: partitions.Filesystem) -> partitions.Partition:
    identifier = f"0000000{number % 10}-0000-4000-8000-000000000000"
    return partitions.Partition(number, model.MIB, model.MIB, "TYPE", identifier, filesystem)


_TABLE = partitions.Table(
    "gpt", 512, (_partition(1, _ROOT), _partition(15, _ESP), _partition(16, _BOOT))
)


@pytest.mark.parametrize(
    "spec",
    [
        "LABEL=BOOT",
        'LABEL="BOOT"',
        f"UUID={_UUIDS[16]}",
        f"UUID={_UUIDS[16].upper()}",
        "PARTUUID=00000006-0000-4000-8000-000000000000",
        "/dev/disk/by-label/BOOT",
        f"/dev/disk/by-uuid/{_UUIDS[16]}",
        r"LABEL=B\x4fOT",
    ],
)
def test_every_way_to_name_a_file_system(spec: str) -> None:
    fstab = (
        f"# a comment\n\nLABEL=cloudimg-rootfs / ext4 defaults 0 1\n{spec}\t/boot/ ext4 x 0 2\n"
    )
    found = layout.mounted(_TABLE, fstab, "/boot")
    assert found is not None
    assert found.partition.number == 16


@pytest.mark.parametrize("fstab", ["", "# LABEL=BOOT /boot ext4\n", "LABEL=BOOT /mnt ext4\n"])
def test_what_fstab_does_not_mount(fstab: str) -> None:
    assert layout.mounted(_TABLE, fstab, "/boot") is None


def test_a_device_that_is_not_on_the_image() -> None:
    with pytest.raises(errors.ImageError, match="mounts LABEL=OTHER at /boot"):
        layout.mounted(_TABLE, "LABEL=OTHER /boot ext4 defaults 0 2\n", "/boot")
    assert layout.mounted(_TABLE, "LABEL=OTHER /boot ext4 nofail 0 2\n", "/boot") is None


def _layout(*, separate_boot: bool, logical_volume: str = "") -> layout.Layout:
    return layout.Layout(
        table=_TABLE,
        root=volume.Volume("/", _TABLE.partitions[0], _ROOT, logical_volume),
        boot=volume.Volume("/boot", _TABLE.partitions[2], _BOOT) if separate_boot else None,
        esp=volume.Volume("/boot/efi", _TABLE.partitions[1], _ESP),
        release=_RELEASE,
    )


def _ask(tmp_path: pathlib.Path, found: layout.Layout, *words: str) -> str:
    """Ask the stand-in for grub-probe a question."""
    script = tmp_path / "grub-probe"
    script.write_text(grub.stand_in(found))
    return subprocess.run(
        ["sh", script, *words], stdout=subprocess.PIPE, check=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("separate_boot", [True, False])
def test_grub_is_told_of_the_file_systems(tmp_path: pathlib.Path, separate_boot: bool) -> None:
    found = _layout(separate_boot=separate_boot)
    root = _ask(tmp_path, found, "--target=device", "/")
    boot = _ask(tmp_path, found, "--target=device", "/boot")
    assert (root != boot) == separate_boot
    assert _ask(tmp_path, found, "--device", root, "--target=fs_uuid") == _UUIDS[1]
    assert _ask(tmp_path, found, "-t", "fs", "/boot/grub") == "ext2"
    assert _ask(tmp_path, found, "--device", root, "--target=abstraction") == ""
    assert _ask(tmp_path, found, "--target=partmap", "/boot") == "gpt"
    boot_number = 16 if separate_boot else 1
    hints = _ask(tmp_path, found, "--device", boot, "--target=hints_string")
    assert f"--hint-bios=hd0,gpt{boot_number}" in hints
    assert _ask(tmp_path, found, "--device", boot, "--target=fs_uuid") == _UUIDS[boot_number]


def test_grub_is_told_of_a_logical_volume(tmp_path: pathlib.Path) -> None:
    found = _layout(separate_boot=True, logical_volume="/dev/my-group/root")
    device = _ask(tmp_path, found, "--target=device", "/")
    assert device == "/dev/mapper/my--group-root"
    assert _ask(tmp_path, found, "--device", device, "--target=abstraction") == "lvm"
    drive = _ask(tmp_path, found, "--device", device, "--target=drive")
    assert drive == "(lvm/my--group-root)"
