"""Which machine an image's properties make, as Nova makes it, and what QEMU is told of it."""

from __future__ import annotations

import itertools
import pathlib
import re
from collections.abc import Mapping

import pytest

from retrofit import errors
from retrofit.host import accelerator
from retrofit.model import findings
from retrofit.proof import hardware, qemu_words


@pytest.fixture
def firmware(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Have firmware for every machine in a directory, and an emulator, whatever is here."""
    monkeypatch.setattr(accelerator, "emulator", lambda architecture: f"qemu-{architecture}")
    known = {
        key: (package, str(tmp_path / pathlib.Path(pattern).name), names)
        for key, (package, pattern, names) in qemu_words._FIRMWARE.items()
    }
    monkeypatch.setattr(qemu_words, "_FIRMWARE", known)
    for _, pattern, names in known.values():
        for name in names:
            pathlib.Path(pattern.format(name)).write_text(name)
    return tmp_path


def _words(
    properties: Mapping[str, str], work: pathlib.Path, architecture: str = "amd64"
) -> list[str]:
    names = ("disk", "drive", "console", "report", "variables")
    files = qemu_words.Files(*(work / name for name in names))
    made = hardware.of(properties, architecture)
    return qemu_words.words(architecture, made, files, accelerated=False)


def _devices(words: list[str]) -> set[str]:
    """Return the models of all devices."""
    return {
        after.partition(",")[0] for word, after in itertools.pairwise(words) if word == "-device"
    }


def test_what_nova_gives_if_nobody_says() -> None:
    assert dict(hardware.of({"os_distro": "debian"}, "amd64").described(accelerated=True)) == {
        "board": "pc",
        "firmware": "bios",
        "graphics_card": "virtio",
        "disk_bus": "virtio",
        "config_drive_bus": "ide",
        "network_card": "virtio",
        "memory_mib": "1024",
        "processors": "1",
        "accelerator": "kvm",
    }
    assert dict(hardware.of({}, "arm64").described(accelerated=True)) == {
        "board": "virt",
        "firmware": "uefi",
        "graphics_card": "virtio",
        "disk_bus": "virtio",
        "config_drive_bus": "scsi",
        "scsi_controller": "virtio-scsi",
        "network_card": "virtio",
        "memory_mib": "1024",
        "processors": "1",
        "accelerator": "kvm",
    }

    assert dict(hardware.of({}, "ppc64el").described(accelerated=True)) == {
        "board": "pseries",
        "firmware": "slof",
        "graphics_card": "vga",
        "disk_bus": "virtio",
        "config_drive_bus": "scsi",
        "scsi_controller": "ibmvscsi",
        "network_card": "virtio",
        "memory_mib": "1024",
        "processors": "1",
        "accelerator": "kvm",
    }


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "ppc64el"])
def test_every_machine_has_a_card_unless_the_image_says_none(
    architecture: str, firmware: pathlib.Path
) -> None:
    card = {"amd64": "virtio-vga", "arm64": "virtio-gpu-pci", "ppc64el": "VGA"}[architecture]

    assert card in _devices(_words({}, firmware, architecture))
    without = _devices(_words({"hw_video_model": "none"}, firmware, architecture))
    assert not {name for name in without if re.search("(?i)vga|gpu|display", name)}


def test_a_pseries_has_its_own_ports_and_processor(firmware: pathlib.Path) -> None:
    words = _words({}, firmware, "ppc64el")

    pairs = list(itertools.pairwise(words))
    assert [after for word, after in pairs if word == "-serial"] == [
        "chardev:console",
        "chardev:report",
    ]
    assert ("-machine", "pseries") in pairs and "-cpu" not in words
    with_virtio = _words({"hw_video_model": "virtio"}, firmware, "ppc64el")
    assert "virtio-gpu-pci" in _devices(with_virtio)
    assert "spapr-vscsi,id=scsi" in words and "scsi-cd,bus=scsi.0,drive=config" in words
    made = hardware.of({"hw_machine_type": "pseries-7.2"}, "ppc64el")
    assert (qemu_words.report_port(made), qemu_words.slot(made, 1)) == ("/dev/hvc1", "pci.0")
    assert qemu_words.firmware(made) == ()
    assert qemu_words.report_port(hardware.of({}, "amd64")) == "/dev/ttyS1"


def test_a_disk_and_a_config_drive_on_one_scsi_bus(firmware: pathlib.Path) -> None:
    properties = {
        "hw_disk_bus": "scsi",
        "hw_scsi_model": "virtio-scsi",
        "hw_cdrom_bus": "scsi",
        "hw_vif_model": "e1000",
    }

    words = _words(properties, firmware)

    assert [word for word in words if word.startswith("virtio-scsi-pci")] == [
        "virtio-scsi-pci,id=scsi"
    ]
    assert {"scsi-hd", "scsi-cd"} < _devices(words)
    assert qemu_words.card(hardware.of(properties, "amd64")) == "e1000"


def test_the_controller_that_libvirt_takes() -> None:
    assert hardware.of({"hw_disk_bus": "scsi"}, "amd64").scsi == "lsilogic"


@pytest.mark.parametrize(
    "board", ["q35", "pc-q35-8.2", "pc-q35-rhel9.4.0", "q35-something-of-a-cloud"]
)
def test_a_config_drive_is_on_the_bus_that_its_board_has(board: str) -> None:
    made = hardware.of({"hw_machine_type": board}, "amd64")

    assert (made.board, made.cdrom_bus) == ("q35", "sata")
    assert hardware.of({"hw_machine_type": "pc-i440fx-jammy"}, "amd64").cdrom_bus == "ide"


def test_cards_are_plugged_where_the_board_takes_them() -> None:
    pc, q35 = (hardware.of({"hw_machine_type": name}, "amd64") for name in ("pc", "q35"))

    assert [qemu_words.slot(pc, number) for number in range(2)] == ["pci.0", "pci.0"]
    assert [qemu_words.slot(q35, number) for number in range(2)] == ["slot0", "slot1"]


def test_variables_of_the_firmware_are_the_machines_own(firmware: pathlib.Path) -> None:
    words = _words({"hw_firmware_type": "uefi"}, firmware)

    assert f"if=pflash,unit=1,format=raw,file={firmware / 'variables'}" in words
    assert (firmware / "variables").read_text() == "VARS_4M"


def test_firmware_that_starts_only_what_is_signed(firmware: pathlib.Path) -> None:
    properties = {
        "hw_firmware_type": "uefi",
        "hw_machine_type": "q35",
        "os_secure_boot": "required",
    }

    words = _words(properties, firmware)

    assert "q35,graphics=off,smm=on" in words
    assert "driver=cfi.pflash01,property=secure,value=on" in words
    assert (firmware / "variables").read_text() == "VARS_4M.ms"
    made = dict(hardware.of(properties, "amd64").described(accelerated=True))
    assert made["firmware"] == "uefi, secure boot"


@pytest.mark.parametrize(
    ("firmware", "properties", "board", "starts_by"),
    [
        ("bios", {}, "pc", "bios"),
        ("bios", {"hw_machine_type": "q35", "hw_firmware_type": "uefi"}, "q35", "bios"),
        ("uefi", {}, "q35", "uefi"),
        ("uefi", {"hw_machine_type": "pc"}, "pc", "uefi"),
        ("uefi", {"os_secure_boot": "required"}, "q35", "uefi"),
        ("secure-boot", {"hw_firmware_type": "bios"}, "q35", "secure-boot"),
    ],
)
def test_firmware_that_is_asked_for_goes_before_properties(
    firmware: str, properties: dict[str, str], board: str, starts_by: str
) -> None:
    made = hardware.of(properties, "amd64", findings.Firmware(firmware))

    assert (made.board, made.starts_by) == (board, starts_by)


def test_the_config_drive_is_in_reach_of_what_uefi_starts() -> None:
    made = hardware.of({"hw_disk_bus": "sata"}, "amd64", findings.Firmware.UEFI)

    assert (made.disk_bus, made.cdrom_bus, made.scsi) == ("sata", "scsi", "virtio-scsi")
    assert hardware.of({}, "arm64", findings.Firmware.UEFI).board == "virt"


@pytest.mark.parametrize(
    ("firmware", "architecture", "said"),
    [
        ("bios", "arm64", "hw_firmware_type=bios"),
        ("secure-boot", "arm64", "os_secure_boot"),
        ("uefi", "ppc64el", "hw_firmware_type=uefi: a machine pseries can have bios"),
    ],
)
def test_firmware_that_no_machine_has(firmware: str, architecture: str, said: str) -> None:
    with pytest.raises(errors.ConfigError, match=said):
        hardware.of({}, architecture, findings.Firmware(firmware))


def test_machines_are_described_together() -> None:
    machines = [hardware.of({}, "amd64", one) for one in findings.Firmware]

    told = dict(hardware.described(machines, accelerated=False))

    assert told["firmware"] == "bios / uefi / uefi, secure boot"
    assert (told["board"], told["disk_bus"]) == ("pc / q35", "virtio")


def test_firmware_that_is_not_installed(firmware: pathlib.Path) -> None:
    (firmware / "OVMF_VARS_4M.fd").unlink()

    with pytest.raises(errors.ToolMissing, match=r"OVMF_VARS_4M\.fd is not installed") as missing:
        qemu_words.firmware(hardware.of({"hw_firmware_type": "uefi"}, "amd64"))
    assert missing.value.hint == "install the package ovmf"


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"hw_machine_type": "microvm"}, "hw_machine_type=microvm: for amd64, pc and q35 are"),
        ({"hw_disk_bus": "fdc"}, "hw_disk_bus=fdc: a machine pc can have virtio, scsi, ide, sata"),
        ({"hw_machine_type": "q35", "hw_disk_bus": "ide"}, "hw_disk_bus=ide: a machine q35 can"),
        ({"hw_scsi_model": "ibmvscsi"}, "hw_scsi_model=ibmvscsi"),
        ({"hw_vif_model": "spapr-vlan"}, "hw_vif_model=spapr-vlan"),
        ({"hw_video_model": "gop"}, "hw_video_model=gop"),
        ({"hw_firmware_type": "uefi", "os_secure_boot": "required"}, "hw_machine_type=q35"),
        ({"hw_machine_type": "q35", "os_secure_boot": "required"}, "hw_firmware_type=uefi"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_by_name(
    properties: dict[str, str], said: str
) -> None:
    with pytest.raises(errors.ConfigError, match="no machine can be started with") as refused:
        hardware.of(properties, "amd64")
    assert said in refused.value.message
