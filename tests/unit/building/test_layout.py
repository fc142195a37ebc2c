"""What fstab names, and what grub is told."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit import errors, model
from retrofit.building.disk import devices, grub, layout, mount_table, partitions, volume

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
    return partitions.Partition(
        number, model.MIB, model.MIB, "TYPE", identifier, filesystem, f"part {number}"
    )


_TABLE = partitions.Table(
    "gpt", 512, (_partition(1, _ROOT), _partition(15, _ESP), _partition(16, _BOOT))
)


def _mounted(fstab: str, *, complete: bool = True) -> dict[str, int]:
    """Return the partitions that an fstab has a boot mount, by mount point."""
    nowhere = pathlib.Path("/nowhere")
    known = devices.Devices(nowhere, _TABLE, nowhere)
    root = volume.Volume("/", _TABLE.partitions[0], _ROOT)
    found = layout.mounted(known, root, fstab, complete=complete)
    return {one.mount_point: one.partition.number for one in found}


@pytest.mark.parametrize(
    "spec",
    [
        "LABEL=BOOT",
        'LABEL="BOOT"',
        f"UUID={_UUIDS[16]}",
        f"UUID={_UUIDS[16].upper()}",
        "PARTUUID=00000006-0000-4000-8000-000000000000",
        r"PARTLABEL=part\04016",
        r"/dev/disk/by-partlabel/part\x2016",
        "/dev/disk/by-label/BOOT",
        f"/dev/disk/by-uuid/{_UUIDS[16]}",
        "/dev/vda16",
        "/dev/sda16",
        "/dev/nvme0n1p16",
        r"LABEL=B\117OT",
    ],
)
@pytest.mark.parametrize("at", ["/boot", "/var", "/var/log"])
def test_every_way_to_name_a_file_system(spec: str, at: str) -> None:
    fstab = f"# a comment\n\nLABEL=cloudimg-rootfs / ext4 defaults 0 1\n{spec}\t{at}/ ext4 x 0 2\n"
    assert _mounted(fstab) == {at: 16}


@pytest.mark.parametrize(
    "fstab",
    [
        "",
        "# LABEL=BOOT /boot ext4\n",
        "LABEL=BOOT /mnt ext4 noauto 0 0\n",
        "LABEL=OTHER /boot ext4 nofail 0 2\n",
        "/dev/vdb /mnt auto defaults,nofail 0 2\n",
        "tmpfs /tmp tmpfs defaults 0 0\nproc /proc proc\n",
        "/swapfile none swap sw 0 0\nLABEL=BOOT none swap\n",
        "server:/home /home nfs defaults 0 0\n",
    ],
)
def test_what_a_build_does_without(fstab: str) -> None:
    assert _mounted(fstab) == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("LABEL=OTHER /boot ext4 defaults", "mounts LABEL=OTHER at /boot, but no file system"),
        ("/dev/mapper/crypt /var ext4 defaults", "mounts /dev/mapper/crypt at /var, but no"),
        ("/dev/disk/by-id/ata-1 /opt ext4 defaults", "by-id/ata-1 at /opt, but no file system"),
        ("/srv/home /home none bind", "/srv/home at /home, which is no file system of its own"),
        ("LABEL=cloudimg-rootfs /home btrfs subvol=@home", "subvolumes are not supported"),
        ("LABEL=UEFI /boot/firmware vfat defaults", "and a build cannot write vfat there"),
        ("LABEL=BOOT /boot/efi ext4 defaults", "and a build cannot write ext4 there"),
    ],
)
def test_what_cannot_be_written_back_is_refused(line: str, fault: str) -> None:
    with pytest.raises(errors.ImageError, match=fault):
        _mounted(f"{line} 0 2\n")
    # A proof goes on without it, and a check of its own says so.
    if " /boot" not in line or "/boot/firmware" in line:
        assert _mounted(f"LABEL=BOOT /srv ext4\n{line} 0 2\n", complete=False) == {"/srv": 16}


def test_the_system_partition_is_mounted_beside_others() -> None:
    fstab = "LABEL=UEFI /boot/efi vfat umask=0077 0 1\nLABEL=BOOT /boot ext4 defaults 0 2\n"
    assert _mounted(fstab) == {"/boot": 16, "/boot/efi": 15}


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


@pytest.mark.parametrize(
    ("line", "device", "mount_point"),
    [
        (r"PARTLABEL=my\040home /home ext4 defaults", "PARTLABEL=my home", "/home"),
        (r"LABEL=data /srv/my\040data ext4 defaults", "LABEL=data", "/srv/my data"),
        (r"/dev/disk/by-label/my\x20home /home ext4", r"/dev/disk/by-label/my\x20home", "/home"),
        # systemd looks for a backslash here.
        (r"LABEL=my\x20home /home ext4", r"LABEL=my\x20home", "/home"),
    ],
)
def test_a_space_is_octal_in_fstab(line: str, device: str, mount_point: str) -> None:
    [entry], _ = mount_table.parse(line)
    assert (entry.device, entry.mount_point) == (device, mount_point)
