"""What the element ``amphora-boot`` does to the mount table that a base image brings."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit.recipes.amphora import recipe

_ROOT = "PARTUUID=1 / ext4 rw,discard,x-systemd.growfs 0 1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_ROOT, _ROOT),
        ("LABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0 1", "umask=0077,nofail\t0 1"),
        ("PARTUUID=2 /boot/efi vfat defaults 0 0", "vfat defaults,nofail 0 0"),
        ("LABEL=BOOT /boot ext4 defaults", "ext4 defaults,nofail"),
        ("LABEL=BOOT /boot ext4 nofail,ro 0 2", "ext4 nofail,ro 0 2"),
        ("LABEL=DATA /boot-time ext4 defaults 0 2", "ext4 defaults 0 2"),
        ("# LABEL=BOOT /boot ext4 defaults 0 2", "ext4 defaults 0 2"),
    ],
)
def test_a_boot_goes_on_without_what_only_the_boot_loader_reads(
    tmp_path: pathlib.Path, before: str, after: str
) -> None:
    elements = recipe.RECIPE.own_elements
    assert elements is not None
    script = elements / "amphora-boot/finalise.d/80-boot-without-boot-partitions"
    table = tmp_path / "fstab"
    table.write_text(f"{_ROOT}\n{before}\n")

    text = script.read_text().replace("/etc/fstab", str(table))
    subprocess.run(["/bin/bash", "-c", text], check=True)

    first, second = table.read_text().splitlines()
    assert first == _ROOT
    assert second.endswith(after)


def test_an_image_without_a_mount_table(tmp_path: pathlib.Path) -> None:
    elements = recipe.RECIPE.own_elements
    assert elements is not None
    script = elements / "amphora-boot/finalise.d/80-boot-without-boot-partitions"

    text = script.read_text().replace("/etc/fstab", str(tmp_path / "fstab"))
    subprocess.run(["/bin/bash", "-c", text], check=True)

    assert not list(tmp_path.iterdir())
