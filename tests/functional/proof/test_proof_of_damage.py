"""A proof is of the image as it is: opening its files repairs what the checks are to see."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images

from retrofit import model, recipes
from retrofit.building.disk import conversion, layout
from retrofit.host.sandbox import workshop
from retrofit.model import findings
from retrofit.proof import prover, subject


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


# What debugfs is asked: wrong numbers of free blocks are what e2fsck corrects without asking.
@pytest.mark.parametrize(
    ("damage", "outcome"),
    [
        pytest.param((), findings.Outcome.PASS, id="whole"),
        pytest.param(
            ("set_bg 0 free_blocks_count 1", "set_bg 0 checksum calc"),
            findings.Outcome.FAIL,
            id="damaged",
        ),
    ],
)
def test_repairs_are_not_proved(
    work: pathlib.Path, damage: tuple[str, ...], outcome: findings.Outcome
) -> None:
    raw, image = work / "made.raw", work / "image.qcow2"

    def make(_: object) -> None:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        start = layout.read(raw, work).root.partition.start
        for request in damage:
            command = ["debugfs", "-w", "-R", request, f"{raw}?offset={start}"]
            subprocess.run(command, check=True)
        conversion.from_raw(raw, image, model.ImageFormat.QCOW2)

    workshop.run(work, make, base_images.Silent())
    place = work / "proof"
    place.mkdir()
    workshop.adopt(place)
    job = prover.Job(
        image=image,
        work=place,
        checks=recipes.get("amphora").checks(),
        depth=findings.Depth.REST,
        expected=subject.Expected(architecture="amd64", flavor_disk=8 * model.GIB),
    )

    proof = prover.prove(job, base_images.Silent())

    outcomes = {one.check: one.verdict.outcome for one in proof.findings}
    assert outcomes["file systems"] is outcome
