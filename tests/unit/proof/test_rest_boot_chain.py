"""What GRUB starts by default, and which machines code is for."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
import struct

import pytest

from retrofit import model
from retrofit.building.disk import firmware, grub_config, machine_code, partitions, volume
from retrofit.model import findings
from retrofit.proof import subject
from retrofit.proof.rest import boot_chain

from . import trees

# As grub-mkconfig writes it, shortened.
_HEAD = """
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
else
   set default="%s"
fi
function gfxmode {
    set gfxpayload="${1}"
}
"""
_ENTRY = """
menuentry '%(title)s' --class os $menuentry_id_option '%(id)s' {
    insmod part_gpt
    if [ x$feature_platform_search_hint = xy ]; then
      search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt16 8aeb27cc
    else
      search --no-floppy --fs-uuid --set=root 8aeb27cc
    fi
    echo    'Loading Linux %(version)s ...'
    linux    /vmlinuz-%(version)s root=LABEL=cloudimg-rootfs ro  console=ttyS0
    initrd    /initrd.img-%(version)s
}
"""


# That of Debian 13's cloud image (grub-cloud-amd64), shortened: it draws on a graphics card.
_DEBIAN_CLOUD = """
set default="0"
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod vga
  fi
}
serial --speed=115200
if loadfont $font ; then
  set gfxmode=auto
  load_video
  insmod gfxterm
fi
terminal_output gfxterm serial
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1a4d1646' {
\tload_video
\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
\tset root='hd0,gpt1'
\tsearch --no-floppy --fs-uuid --set=root 1a4d1646
\tlinux\t/boot/vmlinuz-6.12.118+deb13-cloud-amd64 root=PARTUUID=a2adcd98 ro console=tty0
\tinitrd\t/boot/initrd.img-6.12.118+deb13-cloud-amd64
}
"""


def _entry(title: str, identifier: str, version: str) -> str:
    return _ENTRY % {"title": title, "id": identifier, "version": version}


_MENU = (
    _entry("Ubuntu", "simple", "2.0")
    + "submenu 'Advanced options for Ubuntu' $menuentry_id_option 'advanced' {\n"
    + _entry("Ubuntu, with Linux 2.0", "two", "2.0")
    + _entry("Ubuntu, with Linux 1.0", "one", "1.0")
    + "}\n"
)


@pytest.mark.parametrize(
    ("default", "saved", "kernel"),
    [
        ("0", "", "/vmlinuz-2.0"),
        ("1>1", "", "/vmlinuz-1.0"),
        ("advanced>one", "", "/vmlinuz-1.0"),
        ("Advanced options for Ubuntu>Ubuntu, with Linux 1.0", "", "/vmlinuz-1.0"),
        ("1", "", "/vmlinuz-2.0"),
        ("${saved_entry}", "advanced>one", "/vmlinuz-1.0"),
        ("${saved_entry}", "", "/vmlinuz-2.0"),
        ("gone", "", "/vmlinuz-2.0"),
        ("7", "", "/vmlinuz-2.0"),
    ],
)
def test_the_default_entry_is_found(default: str, saved: str, kernel: str) -> None:
    entry = grub_config.default_entry(_HEAD % default + _MENU, saved)

    assert entry is not None
    arguments = ("root=LABEL=cloudimg-rootfs", "ro", "console=ttyS0")
    assert entry.kernels == [(kernel, arguments)]
    assert entry.initrds == [kernel.replace("vmlinuz", "initrd.img")]
    assert entry.searched == "8aeb27cc"


def test_the_entry_of_debians_cloud_image_is_found() -> None:
    entry = grub_config.default_entry(_DEBIAN_CLOUD)

    assert entry is not None
    assert entry.searched == "1a4d1646"
    [(kernel, arguments)] = entry.kernels
    assert kernel == "/boot/vmlinuz-6.12.118+deb13-cloud-amd64"
    assert arguments[0] == "root=PARTUUID=a2adcd98"
    assert entry.initrds == ["/boot/initrd.img-6.12.118+deb13-cloud-amd64"]


def test_ubuntus_second_try_belongs_to_the_entry() -> None:
    text = """
menuentry 'Ubuntu' {
    if [ "${initrdfail}" = 1 ]; then
      linux    /boot/vmlinuz-1.0 root=PARTUUID=aa ro
      initrd    /boot/initrd.img-1.0
    else
      linux    ($root)/boot/vmlinuz-1.0 root=PARTUUID=aa ro panic=-1
    fi
    initrdfail
}
"""
    entry = grub_config.default_entry(text)

    assert entry is not None
    assert [path for path, _ in entry.kernels] == ["/boot/vmlinuz-1.0"] * 2
    assert entry.initrds == ["/boot/initrd.img-1.0"]


@pytest.mark.parametrize("text", ["", "set default=0\n", "menuentry 'unfinished", "}\n}\n"])
def test_a_menu_without_entries_has_no_default(text: str) -> None:
    assert grub_config.default_entry(text) is None


def test_the_saved_entry_is_read() -> None:
    grubenv = "# GRUB Environment Block\nsaved_entry=advanced>one\n####"

    assert grub_config.value(grubenv, "saved_entry") == "advanced>one"
    assert grub_config.value("# GRUB Environment Block\n####", "saved_entry") == ""


def _elf(width: int, order: int, machine: int) -> bytes:
    packed = struct.pack("<H" if order == 1 else ">H", machine)
    return b"\x7fELF" + bytes([width, order]) + bytes(12) + packed


@pytest.mark.parametrize(
    ("head", "architecture"),
    [
        (_elf(2, 1, 62), "amd64"),
        (_elf(2, 1, 183), "arm64"),
        (_elf(2, 2, 22), "s390x"),
        (_elf(2, 1, 999), "ELF machine 999"),
        (b"#!/bin/sh\n", ""),
        (b"\x7fELF", ""),
        (b"", ""),
    ],
)
def test_the_machine_of_a_program(head: bytes, architecture: str) -> None:
    assert machine_code.of_program(head) == architecture


def _x86_kernel(*, flags: int, version: bytes) -> bytes:
    head = bytearray(0x1000)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x236, flags)
    struct.pack_into("<H", head, 0x20E, 0x400)
    head[0x600 : 0x600 + len(version)] = version
    return bytes(head)


def _efi_program(machine: int) -> bytes:
    return b"MZ" + bytes(0x3A) + struct.pack("<I4sH", 0x40, b"PE\0\0", machine)


def _arm64_kernel() -> bytes:
    return bytes(0x38) + b"ARM\x64" + bytes(1000)


@pytest.mark.parametrize(
    ("head", "architecture"),
    [
        (_x86_kernel(flags=1, version=b""), "amd64"),
        (_x86_kernel(flags=0, version=b""), "i386"),
        (_arm64_kernel(), "arm64"),
        (gzip.compress(_arm64_kernel()), "arm64"),
        (b"\x1f\x8bnothing packed", ""),
        (_elf(2, 1, 21), "ppc64el"),
        (_efi_program(0xAA64), "arm64"),
        (_efi_program(0x5064), "riscv64"),
        (b"MZ" + bytes(0x3A) + struct.pack("<I", 0xFFFF), ""),
        (b"MZ", ""),
        (b"nothing of the kind", ""),
    ],
)
def test_the_machine_of_a_kernel(head: bytes, architecture: str) -> None:
    assert machine_code.of_kernel(head) == architecture


def test_the_version_of_a_kernel() -> None:
    kernel = _x86_kernel(flags=1, version=b"6.1.0-56-cloud-amd64 (a@b) #1 SMP\0")

    assert machine_code.version_of_kernel(kernel) == "6.1.0-56-cloud-amd64"
    assert machine_code.version_of_kernel(_arm64_kernel()) == ""


@pytest.mark.parametrize(
    ("listing", "built_in", "missing"),
    [
        ("init\nlib/virtio_pci.ko\nlib/block/virtio_blk.ko.zst\n", "", ""),
        ("init\n", "kernel/virtio-pci.ko\nkernel/virtio_blk.ko\n", ""),
        ("lib/virtio_blk.ko.xz\n", "kernel/virtio_pci.ko\n", ""),
        ("lib/virtio_pci.ko\nlib/nvme.ko\n", "kernel/ext4.ko\n", "virtio_blk"),
        ("etc/virtio_pci\nlib/virtio_blk.ko\n", "", "virtio_pci"),
        # As dracut's lister writes it.
        (
            "-rw-r--r--   1 root     root        16780 Oct 22 19:53 usr/lib/virtio_blk.ko.xz\n",
            "kernel/virtio_pci.ko\n",
            "",
        ),
    ],
)
def test_a_ramdisk_without_a_driver(listing: str, built_in: str, missing: str) -> None:
    assert boot_chain.missing_driver(listing, built_in) == missing


def _disk(
    place: pathlib.Path, architecture: str, type_code: str = "", content: bytes = b""
) -> subject.Subject:
    """Return an image with one partition beside the root file system, if it is of a type."""
    about = trees.image(place / "tree", {"/etc/hostname": "x"})
    raw = place / "raw"
    raw.write_bytes(content.rjust(model.MIB + len(content), b"\0").ljust(2 * model.MIB, b"\0"))
    partition = partitions.Partition(2, model.MIB, model.MIB, type_code, "", None)
    table = partitions.Table("gpt", 512, (partition,) if type_code else ())
    efi = partitions.Filesystem("vfat", "0123-4567", "UEFI")
    found = dataclasses.replace(
        about.layout,
        table=table,
        esp=volume.Volume("/boot/efi", partition, efi)
        if type_code in firmware.ESP_TYPES
        else None,
        release=model.Release("debian", "13", "trixie", architecture),
    )
    return dataclasses.replace(about, raw=raw, layout=found)


@pytest.mark.parametrize(
    ("architecture", "loader", "machine"),
    [
        ("amd64", "BOOTX64.EFI", 0x8664),
        ("arm64", "BOOTAA64.EFI", 0xAA64),
        ("armhf", "BOOTARM.EFI", 0x1C2),
        ("riscv64", "BOOTRISCV64.EFI", 0x5064),
    ],
)
def test_firmware_finds_the_loader_of_its_architecture(
    architecture: str, loader: str, machine: int, tmp_path: pathlib.Path
) -> None:
    image = _disk(tmp_path, architecture, firmware.ESP_TYPES[0])
    program = image.tree / "boot/efi/EFI/BOOT" / loader
    program.parent.mkdir(parents=True)
    program.write_bytes(_efi_program(machine))

    verdict = boot_chain.boot_loader().look(image)

    assert verdict.outcome is findings.Outcome.PASS
    assert verdict.evidence.startswith(loader)


@pytest.mark.parametrize(
    ("architecture", "type_code", "content", "outcome", "evidence"),
    [
        ("ppc64el", firmware.PREP_TYPES[0], b"\x7fELF", "pass", "PReP boot program"),
        (
            "ppc64el",
            firmware.PREP_TYPES[0],
            b"",
            "fail",
            "the PReP boot partition 2 has no program",
        ),
        ("ppc64el", "", b"", "fail", "the PReP boot partition is missing"),
        # Neither has what the other is started by.
        (
            "ppc64el",
            firmware.ESP_TYPES[0],
            b"\x7fELF",
            "fail",
            "the PReP boot partition is missing",
        ),
        (
            "amd64",
            firmware.PREP_TYPES[0],
            b"\x7fELF",
            "fail",
            "the first sector has no boot code",
        ),
    ],
)
def test_open_firmware_starts_a_program_that_fills_a_partition(
    architecture: str,
    type_code: str,
    content: bytes,
    outcome: str,
    evidence: str,
    tmp_path: pathlib.Path,
) -> None:
    verdict = boot_chain.boot_loader().look(_disk(tmp_path, architecture, type_code, content))

    assert (verdict.outcome, verdict.evidence) == (findings.Outcome(outcome), evidence)
