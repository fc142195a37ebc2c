"""Amphorae boot on q35; docs/explanation/machine-of-a-proof.md says what clouds choose."""

from __future__ import annotations

import json
import pathlib

import pytest
from tests.support.cli import command
from tests.support.proof import images

# Emulated machines.
pytestmark = pytest.mark.slow

# Debian 12's kernel for clouds has no driver for SATA, where q35 has the config drive.
_Q35 = {"hw_machine_type": "q35", "hw_cdrom_bus": "scsi", "hw_scsi_model": "virtio-scsi"}


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_it_boots_on_q35(open_directory: pathlib.Path, firmware: str) -> None:
    for name in ("work", "files"):
        (open_directory / name).mkdir()
    work = open_directory / "work"
    properties = _Q35 | {"hw_firmware_type": firmware}
    given = [f"--property={name}={value}" for name, value in properties.items()]
    words = ["verify", "--depth", "boot", "--json", "--work-dir", work, *given]

    with command.started(
        [*words, images.amphora().path], cwd=open_directory / "files", work=work
    ) as running:
        outcome = running.end()

    assert outcome.code == 0, outcome.stdout
    machine = json.loads(outcome.stdout)["machine"]
    assert (machine["board"], machine["firmware"]) == ("q35", firmware)
