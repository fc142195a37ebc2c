"""Puts grub on an image by the image's own tools: BIOS boot code, programs, modules."""

from __future__ import annotations

import functools
import pathlib
import shutil
import struct

from ... import errors
from ...building.disk import firmware, grub, layout, partitions
from ...host import rootfs
from ...host.sandbox import cells
from ...model import releases

_TOOL_TIMEOUT_S = 120.0
_SECTOR = 512
_DISK_MODULES = ("part_gpt", "part_msdos", "ext2", "xfs", "fat", "search_fs_uuid")
# The EFI program is on its own until it has found the root file system's modules.
_EFI_MODULES = (*_DISK_MODULES, "normal", "configfile", "linux", "all_video", "gzio", "echo")
# What links a core: its name says where GRUB has its directory.
_PROGRAM, _OF_RED_HAT = "grub-mkimage", "grub2-mkimage"
_BIOS, _OPEN_FIRMWARE = "i386-pc", "powerpc-ieee1275"
# By Debian architecture: grub's name of the platform, and what ends the names of its programs.
_EFI = {
    "amd64": ("x86_64-efi", "x64"),
    "arm64": ("arm64-efi", "aa64"),
    "armhf": ("arm-efi", "arm"),
    "riscv64": ("riscv64-efi", "riscv64"),
}

# Where packages of the Red Hat family have programs for UEFI.
_PLACED = "boot/efi/EFI"

# Offsets in grub's boot.img (grub's include/grub/i386/pc/boot.h): the code that fits before the
# partition table, the place of the next stage's first sector, and an instruction that floppies
# need and that is two no-operations for any other disk.
_BOOT_CODE_SIZE = 440
_NEXT_SECTOR_AT = 0x5C
_DRIVE_CHECK_AT = 0x66
_NO_OPERATIONS = b"\x90\x90"
# The last entry of the block list at the end of the core image's first sector: where the rest of
# the image is (first sector, number of sectors, load segment).
_BLOCK_LIST = struct.Struct("<QHH")
_LOAD_SEGMENT = 0x820


def install(
    tree: pathlib.Path,
    system: pathlib.Path,
    raw: pathlib.Path,
    found: layout.Layout,
    work: pathlib.Path,
) -> None:
    """Install grub for the firmware of its machines, as far as the tree has its modules.

    EFI starts the distribution's signed programs where the tree has them, so that firmware which
    verifies starts them, too; else one that is linked here. Packages of the Red Hat family have
    theirs in their places already.

    Args:
        tree: The files of the image, with ``/boot`` in its place.
        system: Directory that becomes the EFI system partition, if there is one.
        raw: The image, partitioned; gets what firmware reads from the disk itself.
        found: What is where on it.
        work: Directory for temporary files.

    Raises:
        errors.CommandError: grub's tools in the tree failed.
        errors.OutputError: What firmware reads does not fit in its partition.
    """
    place = work / "bootcode"
    place.mkdir()
    program = _OF_RED_HAT if (tree / "usr/bin" / _OF_RED_HAT).exists() else _PROGRAM
    name = program.partition("-")[0]
    prefix = f"/boot/{name}" if found.boot is None else f"/{name}"
    boot = found.boot or found.root
    early = f"search.fs_uuid {boot.filesystem.uuid} root\nset prefix=($root){prefix}\n"
    (place / "early.cfg").write_text(early, encoding="ascii")
    shown = (cells.Bind(place, "/mnt", writable=True),)
    room = cells.Cell(root=tree, work=work, binds=shown)
    link = functools.partial(_image, program, room, place, prefix=prefix)

    architecture = found.release.architecture
    platforms = _platforms(tree, architecture)
    for platform in platforms:
        _copy_modules(tree, platform, tree / "boot" / name)
    if _BIOS in platforms:
        core = link(_BIOS, ("biosdisk", *_DISK_MODULES))
        boot_image = (tree / "usr/lib/grub" / _BIOS / "boot.img").read_bytes()
        _write_bios_code(raw, found, boot_image, bytearray(core.read_bytes()))
    if _OPEN_FIRMWARE in platforms:
        # Its own interface to disks is in the core already.
        core = link(_OPEN_FIRMWARE, _DISK_MODULES)
        _write_program(raw, found, core.read_bytes())

    efi, ending = _EFI.get(architecture, ("", ""))
    placed = tree / _PLACED
    if found.release.distribution in releases.RED_HAT and placed.exists():
        _move_placed(placed, system, f"{early}configfile $prefix/grub.cfg\n")
    elif efi in platforms:
        removable = system / "EFI/BOOT"
        removable.mkdir(parents=True)
        if (tree / "usr/lib/grub" / f"{efi}-signed").exists():
            _copy_signed(tree, removable, efi, ending)
            settings = system / "EFI" / found.release.distribution / "grub.cfg"
            settings.parent.mkdir()
            settings.write_text(f"{early}configfile $prefix/grub.cfg\n", encoding="ascii")
        else:
            shutil.copyfile(link(efi, _EFI_MODULES), removable / _started(ending))
    grub.update(tree, found, work)


def has_loader(tree: pathlib.Path, architecture: str) -> bool:
    """Tell whether a tree has a grub that can be installed."""
    return bool(_platforms(tree, architecture)) or (tree / _PLACED).exists()


def _platforms(tree: pathlib.Path, architecture: str) -> tuple[str, ...]:
    """Return grub's names of the kinds of firmware that a tree has its modules for."""
    if architecture in firmware.WITH_OPEN_FIRMWARE:
        known: tuple[str, ...] = (_OPEN_FIRMWARE,)
    else:
        known = (_BIOS, _EFI[architecture][0])
    return tuple(one for one in known if (tree / "usr/lib/grub" / one).exists())


def _started(ending: str) -> str:
    """Return what firmware starts of a disk that it was told nothing of."""
    return f"BOOT{ending.upper()}.EFI"


def _copy_signed(tree: pathlib.Path, removable: pathlib.Path, efi: str, ending: str) -> None:
    """Put the signed programs where firmware looks on a disk that it was told nothing of.

    It starts shim, which is signed for it; shim starts GRUB, and the manager of further keys if
    it is asked to.
    """
    signed = {
        _started(ending): (f"usr/lib/shim/shim{ending}.efi.signed",),
        f"grub{ending}.efi": (f"usr/lib/grub/{efi}-signed/grub{ending}.efi.signed",),
        f"mm{ending}.efi": (f"usr/lib/shim/mm{ending}.efi.signed", f"usr/lib/shim/mm{ending}.efi"),
    }
    for target, sources in signed.items():
        # Ubuntu's are links, by which the administrator chooses one of two.
        found = (rootfs.resolve(tree, source) for source in sources)
        program = next((one for one in found if one.exists()), None)
        if program is None:
            raise errors.OutputError(
                f"the base system has no signed program {sources[0]}",
                hint="check the packages shim-signed and grub-efi-*-signed of the mirror",
            )
        shutil.copyfile(program, removable / target)


def _move_placed(placed: pathlib.Path, system: pathlib.Path, settings: str) -> None:
    """Move programs to the EFI system partition, and have each find its menu on the other disk.

    Their directories are named after the distribution, but for that which firmware looks in.
    """
    shutil.move(placed, system / "EFI")
    for directory in (system / "EFI").iterdir():
        if directory.name.upper() != "BOOT":
            (directory / "grub.cfg").write_text(settings, encoding="ascii")


def _image(
    program: str,
    room: cells.Cell,
    place: pathlib.Path,
    platform: str,
    modules: tuple[str, ...],
    *,
    prefix: str,
) -> pathlib.Path:
    """Link grub's core with the modules that find the rest."""
    room.run(
        [program, "-O", platform, "-c", "/mnt/early.cfg", "-p", prefix]
        + ["-o", f"/mnt/{platform}", *modules],
        timeout_s=_TOOL_TIMEOUT_S,
    )
    return place / platform


def _copy_modules(tree: pathlib.Path, platform: str, into: pathlib.Path) -> None:
    """Put a platform's modules where the installed grub looks for them."""
    target = into / platform
    # Some packages of grub have begun to install it, and stopped for want of a disk.
    target.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.mod", "*.lst"):
        for module in (tree / "usr/lib/grub" / platform).glob(pattern):
            shutil.copyfile(module, target / module.name)


def _write_bios_code(
    raw: pathlib.Path, found: layout.Layout, boot_image: bytes, core: bytearray
) -> None:
    """Write grub's first stage into the boot sector and its core into the BIOS boot partition."""
    partition = _room(found, firmware.BIOS_BOOT, len(core))
    first = partition.start // _SECTOR
    code = bytearray(boot_image[:_BOOT_CODE_SIZE])
    struct.pack_into("<Q", code, _NEXT_SECTOR_AT, first)
    code[_DRIVE_CHECK_AT : _DRIVE_CHECK_AT + len(_NO_OPERATIONS)] = _NO_OPERATIONS
    sectors = -(-len(core) // _SECTOR)
    _BLOCK_LIST.pack_into(core, _SECTOR - _BLOCK_LIST.size, first + 1, sectors - 1, _LOAD_SEGMENT)
    with raw.open("r+b") as stream:
        stream.write(code)
        stream.seek(partition.start)
        stream.write(core)


def _write_program(raw: pathlib.Path, found: layout.Layout, core: bytes) -> None:
    """Write grub's core into the partition from which Open Firmware starts it."""
    partition = _room(found, firmware.PREP_TYPES[0], len(core))
    with raw.open("r+b") as stream:
        stream.seek(partition.start)
        stream.write(core)


def _room(found: layout.Layout, type_code: str, size: int) -> partitions.Partition:
    """Return the partition of a type, which has to have room for grub's core."""
    partition = next(one for one in found.table.partitions if one.type_code == type_code)
    if size > partition.size:
        raise errors.OutputError(
            f"grub's core of {size} bytes does not fit in partition {partition.number}"
        )
    return partition
