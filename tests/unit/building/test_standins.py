"""Programs that stand in for the image's own while elements run."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit.building.elements import standins

_MAKER = """#!/bin/sh
echo "$*"
[ "$1" != -d ] || cat "$2/initramfs.conf" "$2"/conf.d/* 2> /dev/null || :
"""


def _make_initial_disk(root: pathlib.Path, *words: str, **files: str) -> str:
    """Run the stand-in for mkinitramfs, with the system's own and its settings in a directory."""
    for name, text in files.items():
        file = root / "etc/initramfs-tools" / name.replace("__", "/").replace("_conf", ".conf")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/mkinitramfs").write_text(_MAKER)
    (root / "usr/sbin/mkinitramfs").chmod(0o755)
    standins.write(root / "programs")
    script = root / "programs/mkinitramfs"
    text = script.read_text()
    for path in ("/tmp/", "/etc/", "/usr/sbin/"):
        text = text.replace(f" {path}", f" {root}{path}")
    (root / "tmp").mkdir()
    script.write_text(text)
    return subprocess.run(
        [script, *words], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.replace(str(root), "")


@pytest.mark.parametrize(
    "files",
    [
        {"initramfs_conf": "BUSYBOX=auto\nMODULES=dep\n"},
        {"initramfs_conf": "MODULES=most\n", "conf.d__driver-policy": 'MODULES="dep" # why\n'},
        {"initramfs_conf": "  MODULES=dep\n", "conf.d__resume": "RESUME=none\n"},
    ],
)
def test_an_initial_disk_is_for_other_machines(
    tmp_path: pathlib.Path, files: dict[str, str]
) -> None:
    said = _make_initial_disk(tmp_path, "-o", "/boot/initrd.img", "6.1", **files)

    first, *settings = said.splitlines()
    assert first == "-d /tmp/retrofit-initramfs-tools -o /boot/initrd.img 6.1"
    assert "MODULES=most" in settings
    assert not any("dep" in line for line in settings)
    # The image's own settings stay.
    kept = [path.read_text() for path in (tmp_path / "etc").rglob("*") if path.is_file()]
    assert sorted(kept) == sorted(files.values())


@pytest.mark.parametrize("text", ["MODULES=most\n", "#MODULES=dep\n", "MODULES=deputy\n"])
def test_other_settings_of_initial_disks_stay(tmp_path: pathlib.Path, text: str) -> None:
    said = _make_initial_disk(tmp_path, "-o", "x", "6.1", initramfs_conf=text)

    assert said == "-o x 6.1\n"
