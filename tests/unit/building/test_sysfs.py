"""The ``/sys`` that scripts of a build see, by what programs of this machine make of it."""

from __future__ import annotations

import json
import pathlib
import subprocess

from retrofit.building import sysfs

# lsblk reads a directory in place of the system's root.
_LSBLK = [
    "lsblk",
    "--json",
    "--bytes",
    "--output",
    "NAME,MAJ:MIN,TYPE,SIZE,RO,PKNAME",
    "--sysroot",
]


def test_lsblk_finds_a_disk_with_a_partition(tmp_path: pathlib.Path) -> None:
    sysfs.make(tmp_path / "sys")

    said = subprocess.run([*_LSBLK, tmp_path], stdout=subprocess.PIPE, check=True).stdout

    [disk] = json.loads(said)["blockdevices"]
    assert (disk["name"], disk["size"]) == ("vda", 8 * 1024**3)
    [partition] = disk["children"]
    assert (partition["name"], partition["pkname"]) == ("vda1", "vda")


def test_every_link_leads_somewhere_inside(tmp_path: pathlib.Path) -> None:
    sysfs.make(tmp_path / "sys")

    links = [path for path in (tmp_path / "sys").rglob("*") if path.is_symlink()]
    assert links
    for link in links:
        assert link.resolve(strict=True).is_relative_to(tmp_path / "sys")


def test_it_is_the_same_everywhere(tmp_path: pathlib.Path) -> None:
    def described(place: pathlib.Path) -> dict[str, str]:
        sysfs.make(place)
        files = (path for path in place.rglob("*") if path.is_file())
        return {str(path.relative_to(place)): path.read_text() for path in files}

    assert described(tmp_path / "one") == described(tmp_path / "another")
