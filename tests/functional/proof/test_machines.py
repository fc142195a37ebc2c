"""QEMU starts every machine that properties can make, and takes a network card while it runs."""

from __future__ import annotations

import pathlib

import pytest
from tests.support.base_images import base_images

from retrofit import model
from retrofit.host.sandbox import networks, workshop
from retrofit.proof import bench, hardware, machine, segment

_Q35 = {"hw_machine_type": "q35"}
_UEFI = {"hw_firmware_type": "uefi"}
_MACHINES: dict[str, dict[str, str]] = {
    "as from Nova if nobody says": {},
    "q35": _Q35,
    "pc, UEFI": _UEFI,
    "q35, UEFI": _Q35 | _UEFI,
    "Secure Boot": _Q35 | _UEFI | {"os_secure_boot": "required"},
    "SCSI": {"hw_disk_bus": "scsi", "hw_scsi_model": "virtio-scsi", "hw_cdrom_bus": "scsi"},
    "SCSI as libvirt has it": _Q35 | {"hw_disk_bus": "scsi"},
    "IDE": {"hw_disk_bus": "ide"},
    "SATA": {"hw_disk_bus": "sata", "hw_cdrom_bus": "sata"},
    "SATA of q35": _Q35 | {"hw_disk_bus": "sata"},
    **{
        f"card {card}": {"hw_video_model": card}
        for card in ("vga", "cirrus", "qxl", "bochs", "vmvga", "none")
    },
    **{
        f"network {network}": {"hw_vif_model": network}
        for network in ("e1000", "e1000e", "rtl8139", "vmxnet3")
    },
}


def _start(properties: dict[str, str], work: pathlib.Path) -> None:
    """Start a machine of an empty disk in a workshop, and plug in a network card."""
    raw, drive = work / "disk.raw", work / "drive.iso"
    for file in (raw, drive):
        with file.open("wb") as stream:
            stream.truncate(model.MIB)

    def inside(reporter: base_images.Silent) -> None:
        place = bench.Bench(
            image=raw,
            architecture="amd64",
            hardware=hardware.of(properties, "amd64"),
            work=work,
            evidence=work,
            flavor_disk=model.GIB,
            accelerated=False,
            boot_timeout_s=60.0,
            reporter=reporter,
        )
        network = segment.lay("vip", "198.51.100.0/24", "2001:db8::/64")
        with machine.start(place, "machine", drive=drive) as running:
            running.plug(network.tap("vip1"), "52:54:00:0a:4d:21")

    for file in (raw, drive):
        workshop.adopt(file)
    workshop.run(work, inside, base_images.Silent(), network=networks.Network.ALONE)


@pytest.mark.parametrize("properties", _MACHINES.values(), ids=_MACHINES)
def test_qemu_starts_it(properties: dict[str, str]) -> None:
    with workshop.work_directory(None) as work:
        _start(properties, work)
