"""Bases with many file systems: made into images whose machines mount each of them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

import pytest
from tests.support import scratch
from tests.support.base_images import base_images
from tests.support.building import split_disks
from tests.support.building.split_disks import Part
from tests.support.cli import command

_EIGHT = (
    Part("/home", 64),
    Part("/opt", 64, "PARTLABEL=part\\040opt"),
    Part("/srv", 64, "/dev/disk/by-label/srv"),
    Part("/usr/local", 64),
    Part("/var", 1200),
    Part("/var/log", 128, "/dev/disk/by-partlabel/part\\x20var-log"),
)
_LOGICAL = (Part("/home", 64, logical=True), Part("/var", 1200, logical=True))
# Asks the booted machine, and at rest looks for what a build writes below each place.
_CHECK = """#!/bin/bash
set -eu
for place in {places}; do
    if [ "$1" = boot ]; then mountpoint "$place"; fi
    test -d "$place"
done
test -s /var/lib/dpkg/status
"""


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    with scratch.directory("layouts") as directory:
        for name in ("work", "empty", "cache"):
            (directory / name).mkdir()
        yield directory


def _retrofit(place: pathlib.Path, *words: str | pathlib.Path) -> None:
    """Build a plain image; the command leaves nothing behind."""
    with command.started(
        ["image", *words, "--recipe", "plain", "--cache-dir", place / "cache"]
        + ["--work-dir", place / "work"],
        cwd=place / "empty",
        work=place / "work",
    ) as running:
        ended = running.end()
    assert (ended.code, ended.left) == (0, ()), ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "package"),
    [
        pytest.param(_EIGHT, "", id="eight"),
        pytest.param(_LOGICAL, "lvm2", id="logical"),
    ],
)
def test_a_machine_mounts_what_its_base_had_apart(
    place: pathlib.Path, parts: Sequence[Part], package: str
) -> None:
    base, raw = base_images.noble(), place / "many.raw"
    if package:
        base = place / "base.qcow2"
        _retrofit(place, base_images.noble(), base, "--package", package)
    split_disks.split(base, raw, parts)
    check = place / "mounted.sh"
    check.write_text(_CHECK.format(places=" ".join(one.mount_point for one in parts)))

    _retrofit(place, raw, place / "out.qcow2", "--depth", "boot", "--check", check)
