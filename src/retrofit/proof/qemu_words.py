"""QEMU's words for a machine that Nova makes: as libvirt puts it together, without libvirt."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil

from .. import errors, model
from ..host import accelerator
from . import hardware

_TRANSLATED_MIB = 256
# Slots into which network cards are plugged while the machine runs: VIP, members, and one more.
_SLOTS = 3
# Packages and files of UEFI firmware by what it is for: one of its code, and one with which its
# variables begin; the second of an amd64 machine starts only what Microsoft's keys have signed.
_FIRMWARE = {
    ("virt", False): ("qemu-efi-aarch64", "/usr/share/AAVMF/AAVMF_{}.fd", ("CODE", "VARS")),
    ("pc", False): ("ovmf", "/usr/share/OVMF/OVMF_{}.fd", ("CODE_4M", "VARS_4M")),
    ("q35", False): ("ovmf", "/usr/share/OVMF/OVMF_{}.fd", ("CODE_4M", "VARS_4M")),
    ("q35", True): ("ovmf", "/usr/share/OVMF/OVMF_{}.fd", ("CODE_4M.secboot", "VARS_4M.ms")),
}
_CARDS = {
    "virtio": "virtio-vga",
    "vga": "VGA",
    "cirrus": "cirrus-vga",
    "qxl": "qxl-vga",
    "bochs": "bochs-display",
    "vmvga": "vmware-svga",
}
_CONTROLLERS = {
    "virtio-scsi": "virtio-scsi-pci",
    "lsilogic": "lsi53c895a",
    "ibmvscsi": "spapr-vscsi",
}
_NETWORKS = {"virtio": "virtio-net-pci"}


@dataclasses.dataclass(frozen=True)
class Files:
    """What a machine reads and writes.

    Attributes:
        disk: Its disk, qcow2.
        config_drive: ISO image, its CD-ROM.
        console: File for its first serial port.
        report: File for its second serial port.
        variables: File for the variables of UEFI firmware; written where there are some.
    """

    disk: pathlib.Path
    config_drive: pathlib.Path
    console: pathlib.Path
    report: pathlib.Path
    variables: pathlib.Path


def words(
    architecture: str, made: hardware.Hardware, files: Files, *, accelerated: bool
) -> list[str]:
    """Return QEMU's command line but for the network and the monitor.

    Args:
        architecture: Debian architecture of the machine.
        made: What it has.
        files: Its files.
        accelerated: Whether it runs under KVM.

    Raises:
        errors.ToolMissing: QEMU or the firmware is not installed.
    """
    kvm = ("-accel", "kvm", "-cpu", "host")
    # Not every QEMU knows a processor with all features for ppc64el: that of the board then.
    processor = () if made.has_open_firmware else ("-cpu", "max")
    tcg = ("-accel", f"tcg,thread=multi,tb-size={_TRANSLATED_MIB}", *processor)
    return [
        *(accelerator.emulator(architecture), "-nodefaults", "-no-user-config"),
        *("-display", "none"),
        # Whoever breaks out of the machine starts no program and gains no right.
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-chardev", f"file,id=console,path={_word(files.console)},mux=on"),
        *("-chardev", f"file,id=report,path={_word(files.report)}"),
        *("-serial", "chardev:console"),
        *_board(made, files),
        *(kvm if accelerated else tcg),
        *("-smp", str(hardware.processors(accelerated=accelerated))),
        *("-m", str(hardware.MEMORY // model.MIB)),
        *_storage(made, files),
        *("-device", "virtio-rng-pci"),
    ]


def firmware(made: hardware.Hardware) -> tuple[pathlib.Path, ...]:
    """Return the files of a machine's UEFI firmware, code and variables; none for a BIOS.

    Raises:
        errors.ToolMissing: They are not installed.
    """
    if made.firmware != "uefi":
        return ()
    package, pattern, names = _FIRMWARE[made.board, made.secure_boot]
    found = tuple(pathlib.Path(pattern.format(name)) for name in names)
    for file in found:
        if not file.exists():
            raise errors.ToolMissing(
                f"the firmware {file} is not installed", hint=f"install the package {package}"
            )
    return found


def card(made: hardware.Hardware) -> str:
    """Return the device that is a machine's network card."""
    return _NETWORKS.get(made.network, made.network)


def slot(made: hardware.Hardware, number: int) -> str:
    """Return the bus into which a card is plugged while the machine runs, counted from 0."""
    return "pci.0" if made.board in ("pc", "pseries") else f"slot{number}"


def report_port(made: hardware.Hardware) -> str:
    """Return what the kernel of a machine calls its second serial port."""
    return "/dev/hvc1" if made.board == "pseries" else "/dev/ttyS1"


def _board(made: hardware.Hardware, files: Files) -> list[str]:
    """Return board, firmware, graphics card and second serial port.

    ``graphics=off`` has SeaBIOS, and so GRUB, speak on the serial port as well. The board for
    arm64 has one such port; those on the PCI bus are of another kind, and counted anew. The first
    of them is the console, too, for Ubuntu's images speak on ttyS0 and have a login there,
    whatever the board.
    """
    # Only on the boards of a PC is virtio's card a VGA, too.
    cards = _CARDS if made.board in ("pc", "q35") else {**_CARDS, "virtio": "virtio-gpu-pci"}
    graphics = [] if made.card == hardware.NO_CARD else ["-device", cards[made.card]]
    if made.board == "virt":
        return [
            *("-machine", "virt", *_uefi(made, files), *graphics),
            *("-device", "pci-serial,chardev=console", "-device", "pci-serial,chardev=report"),
            *_slots(),
        ]
    if made.board == "pseries":
        # Both ports are the board's own (spapr-vty).
        return ["-machine", "pseries", *graphics, "-serial", "chardev:report"]
    secure = ",smm=on" if made.secure_boot else ""
    return [
        *("-machine", f"{made.board},graphics=off{secure}", *_uefi(made, files), *graphics),
        *("-device", "isa-serial,chardev=report,index=1"),
        *([] if made.board == "pc" else _slots()),
    ]


def _slots() -> list[str]:
    """Return the ports of a PCI Express board, which takes no card elsewhere while it runs."""
    return [
        word
        for number in range(_SLOTS)
        for word in ("-device", f"pcie-root-port,id=slot{number},chassis={number + 1}")
    ]


def _uefi(made: hardware.Hardware, files: Files) -> list[str]:
    """Return the UEFI firmware, if there is one, with variables of the machine's own."""
    if not (found := firmware(made)):
        return []
    code, variables = found
    shutil.copyfile(variables, files.variables)
    guarded = ("-global", "driver=cfi.pflash01,property=secure,value=on")
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={_word(files.variables)}"),
        *(guarded if made.secure_boot else ()),
    ]


def _storage(made: hardware.Hardware, files: Files) -> list[str]:
    """Return the disk, the CD-ROM with the config drive, and what they are connected to."""
    disk = f"file={_word(files.disk)},format=qcow2,if=none,id=disk,cache=unsafe,discard=unmap"
    cdrom = f"file={_word(files.config_drive)},format=raw,if=none,id=config,readonly=on"
    devices = {
        "virtio": "virtio-blk-pci",
        "scsi": "scsi-hd,bus=scsi.0",
        "ide": "ide-hd,bus=ide.0",
        "sata": f"ide-hd,bus={_sata(made)}.0",
    }
    cdroms = {
        "scsi": "scsi-cd,bus=scsi.0",
        "ide": "ide-cd,bus=ide.1",
        "sata": f"ide-cd,bus={_sata(made)}.1",
    }
    controllers = []
    if made.has_scsi:
        controllers += ["-device", f"{_CONTROLLERS[made.scsi]},id=scsi"]
    if made.board == "pc" and "sata" in (made.disk_bus, made.cdrom_bus):
        controllers += ["-device", "ich9-ahci,id=sata"]
    return [
        *("-drive", disk, "-drive", cdrom),
        *controllers,
        *("-device", f"{devices[made.disk_bus]},drive=disk,bootindex=1"),
        *("-device", f"{cdroms[made.cdrom_bus]},drive=config"),
    ]


def _sata(made: hardware.Hardware) -> str:
    """Return what a SATA controller's ports are called; one board has its own."""
    return "ide" if made.board == "q35" else "sata"


def _word(path: pathlib.Path) -> str:
    """Return a path as QEMU takes it among other options."""
    return os.fspath(path).replace(",", ",,")
