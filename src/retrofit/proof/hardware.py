"""Which machine Nova makes for an image: what its properties in Glance say, else Nova's defaults.

As in Nova's libvirt driver (``blockinfo.py``, ``driver.py``) for QEMU and KVM. Whatever Nova would
refuse, or a machine here cannot have, is refused by name.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence

from .. import errors, model
from ..model import findings

# What charm-octavia's flavor gives.
MEMORY = 1024 * model.MIB
_PROCESSORS = 1
# An emulated processor is so slow that a boot runs into time limits of its own (systemd gives
# devices 90 s); more than two do not shorten it.
_EMULATED_PROCESSORS = min(2, os.cpu_count() or 1)

MACHINE_TYPE, FIRMWARE, SECURE_BOOT = "hw_machine_type", "hw_firmware_type", "os_secure_boot"
CARD, NETWORK = "hw_video_model", "hw_vif_model"
DISK_BUS, CDROM_BUS, SCSI = "hw_disk_bus", "hw_cdrom_bus", "hw_scsi_model"

NO_CARD = "none"
# A board of PC on which firmware with UEFI leaves the config drive in reach of every kernel.
_UEFI_PC = {MACHINE_TYPE: "q35", CDROM_BUS: "scsi", SCSI: "virtio-scsi"}


@dataclasses.dataclass(frozen=True)
class _Board:
    """What machines of a board can have; the first is what they have if nobody says.

    Attributes:
        names: What properties call it, with or without a version.
        firmwares: Firmwares.
        disk_buses: Buses of disks.
        cdrom_buses: Buses of CD-ROMs.
        controllers: Models of SCSI controllers; libvirt chooses one.
        cards: Models of graphics cards.
    """

    names: re.Pattern[str]
    firmwares: tuple[str, ...]
    disk_buses: tuple[str, ...]
    cdrom_buses: tuple[str, ...]
    controllers: tuple[str, ...]
    cards: tuple[str, ...]


_CARDS = ("virtio", "vga", "cirrus", "qxl", "bochs", "vmvga", NO_CARD)
_PC = _Board(
    names=re.compile(r"pc(-i440fx-.+)?"),
    firmwares=("bios", "uefi"),
    disk_buses=("virtio", "scsi", "ide", "sata"),
    cdrom_buses=("ide", "sata", "scsi"),
    controllers=("lsilogic", "virtio-scsi"),
    cards=_CARDS,
)
_Q35 = dataclasses.replace(
    _PC,
    names=re.compile(r"(pc-)?q35(-.+)?"),
    disk_buses=("virtio", "scsi", "sata"),
    cdrom_buses=("sata", "scsi"),
)
_VIRT = _Board(
    names=re.compile(r"virt(-.+)?"),
    firmwares=("uefi",),
    disk_buses=("virtio", "scsi"),
    cdrom_buses=("scsi",),
    controllers=("virtio-scsi",),
    cards=("virtio", NO_CARD),
)
# Its firmware is SLOF, an Open Firmware; Nova's property calls all firmware bios that is not UEFI.
_PSERIES = _Board(
    names=re.compile(r"pseries(-.+)?"),
    firmwares=("bios",),
    disk_buses=("virtio", "scsi"),
    cdrom_buses=("scsi",),
    controllers=("ibmvscsi", "virtio-scsi"),
    cards=("vga", "virtio", NO_CARD),
)
# By Debian architecture; the first is the default.
_BOARDS = {
    "amd64": {"pc": _PC, "q35": _Q35},
    "arm64": {"virt": _VIRT},
    "ppc64el": {"pseries": _PSERIES},
}
_NETWORKS = ("virtio", "e1000", "e1000e", "rtl8139", "vmxnet3")


@dataclasses.dataclass(frozen=True)
class Hardware:
    """A machine, in Nova's words.

    Attributes:
        board: ``pc``, ``q35``, ``virt`` or ``pseries``.
        firmware: ``bios`` or ``uefi``; that of a pseries is Open Firmware, in place of a BIOS.
        secure_boot: Whether the firmware starts only what is signed.
        card: Model of the graphics card; ``none`` for none.
        disk_bus: Bus of the disk.
        cdrom_bus: Bus of the config drive, which is a CD-ROM.
        scsi: Model of the SCSI controller, if there is one.
        network: Model of the network cards.
    """

    board: str
    firmware: str
    secure_boot: bool
    card: str
    disk_bus: str
    cdrom_bus: str
    scsi: str
    network: str

    @property
    def starts_by(self) -> findings.Firmware:
        """What it is started by."""
        return findings.Firmware("secure-boot" if self.secure_boot else self.firmware)

    @property
    def has_open_firmware(self) -> bool:
        """Whether it is started by Open Firmware, which takes the place of a BIOS."""
        return self.board == "pseries"

    @property
    def has_scsi(self) -> bool:
        """Whether there is a SCSI controller."""
        return "scsi" in (self.disk_bus, self.cdrom_bus)

    def described(self, *, accelerated: bool) -> tuple[tuple[str, str], ...]:
        """Return what the machine has, for the evidence: pairs of a word and a value."""
        firmware = "slof" if self.has_open_firmware else self.firmware
        firmware += ", secure boot" if self.secure_boot else ""
        controller = (("scsi_controller", self.scsi),) if self.has_scsi else ()
        return (
            ("board", self.board),
            ("firmware", firmware),
            ("graphics_card", self.card),
            ("disk_bus", self.disk_bus),
            ("config_drive_bus", self.cdrom_bus),
            *controller,
            ("network_card", self.network),
            ("memory_mib", str(MEMORY // model.MIB)),
            ("processors", str(processors(accelerated=accelerated))),
            ("accelerator", "kvm" if accelerated else "tcg"),
        )


def described(machines: Sequence[Hardware], *, accelerated: bool) -> tuple[tuple[str, str], ...]:
    """Return what machines have, for the evidence; values in which they differ are all named."""
    found: dict[str, dict[str, None]] = {}
    for made in machines:
        for word, value in made.described(accelerated=accelerated):
            found.setdefault(word, {})[value] = None
    return tuple((word, " / ".join(values)) for word, values in found.items())


def processors(*, accelerated: bool) -> int:
    """Return how many processors a machine has, under KVM or emulated."""
    return _PROCESSORS if accelerated else _EMULATED_PROCESSORS


def of(
    properties: Mapping[str, str], architecture: str, firmware: findings.Firmware | None = None
) -> Hardware:
    """Return the machine that Nova makes for an image.

    Args:
        properties: The image's in Glance; those that are not about the machine do not count.
        architecture: Debian architecture of the image, one that machines can be started for.
        firmware: What it is to be started by; ``None`` for what the properties say.

    Raises:
        errors.ConfigError: Nova makes no such machine, or none can be had here.
    """
    if firmware is not None:
        properties = _asking_for(firmware, properties, architecture)
    name, board = _board(properties.get(MACHINE_TYPE, ""), architecture)

    def choose(key: str, known: Sequence[str]) -> str:
        value = properties.get(key) or known[0]
        if value not in known:
            raise _refusal(key, value, f"a machine {name} can have {', '.join(known)}")
        return value

    kind = choose(FIRMWARE, board.firmwares)
    secure = properties.get(SECURE_BOOT) == "required"
    if secure and (board is not _Q35 or kind != "uefi"):
        raise _refusal(
            SECURE_BOOT, "required", f"that takes {FIRMWARE}=uefi and {MACHINE_TYPE}=q35"
        )
    return Hardware(
        board=name,
        firmware=kind,
        secure_boot=secure,
        card=choose(CARD, board.cards),
        disk_bus=choose(DISK_BUS, board.disk_buses),
        cdrom_bus=choose(CDROM_BUS, board.cdrom_buses),
        scsi=choose(SCSI, board.controllers),
        network=choose(NETWORK, _NETWORKS),
    )


def _asking_for(
    firmware: findings.Firmware, properties: Mapping[str, str], architecture: str
) -> dict[str, str]:
    """Return properties that ask for a firmware, and as to the rest for what they asked for."""
    if firmware is findings.Firmware.BIOS:
        return {**properties, FIRMWARE: "bios", SECURE_BOOT: ""}
    secure = "required" if firmware is findings.Firmware.SECURE_BOOT else ""
    usual = _UEFI_PC if "q35" in _BOARDS[architecture] else {}
    return {**usual, **properties, FIRMWARE: "uefi", SECURE_BOOT: secure}


def _board(wanted: str, architecture: str) -> tuple[str, _Board]:
    """Return the board that a property asks for, and its name."""
    boards = _BOARDS[architecture]
    for name, board in boards.items():
        # Without a property, the first.
        if not wanted or board.names.fullmatch(wanted):
            return name, board
    raise _refusal(MACHINE_TYPE, wanted, f"for {architecture}, {' and '.join(boards)} are known")


def _refusal(name: str, value: str, known: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"no machine can be started with {name}={value}: {known}",
        hint="change that property, or prove the image with --depth rest",
    )
