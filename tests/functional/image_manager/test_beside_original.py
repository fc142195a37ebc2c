"""What ``retrofit manage`` costs beside the tool that it succeeds, on real clouds.

This file alone, with ``-s -m slow``, prints the table that docs/explanation/performance.md has.
"""

from __future__ import annotations

import copy
import hashlib
import os
import pathlib
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import beside, image_files

pytestmark = pytest.mark.slow

_MB = 1_000_000
Pair = tuple[beside.Tool, beside.Tool]
Costs = tuple[beside.Cost, beside.Cost]
Measure = Callable[..., Costs]


@pytest.fixture(scope="module")
def head() -> None:
    """Begin the table."""
    print("\n| Run | Tool | Wall | Processor | Requests | Downloads |")
    print("|---|---|---:|---:|---:|---:|")


@pytest.fixture
def measure(head: None, server: web_server.Server) -> Measure:
    """Return what measures both tools one after the other, and adds that to the table.

    Of several rounds, the quickest counts: the machine may have something else to do.
    """

    def run(what: str, pair: Pair, *rounds: Sequence[dict[str, Any]]) -> Costs:
        costs = [[tool.measure(images, server) for tool in pair] for images in rounds]
        ours, theirs = (min(found, key=_wall_s) for found in zip(*costs, strict=True))
        for tool, cost in zip(pair, (ours, theirs), strict=True):
            print(
                f"| {what} | `{tool.name}` | {cost.wall_s:.1f} s | {cost.cpu_s:.1f} s | "
                f"{cost.requests} | {cost.transfers} |"
            )
        print(
            f"| | ratio | {ours.wall_s / theirs.wall_s:.2f} | {ours.cpu_s / theirs.cpu_s:.2f} | "
            f"{ours.requests / theirs.requests:.2f} | |"
        )
        return ours, theirs

    return run


def _wall_s(cost: beside.Cost) -> float:
    return cost.wall_s


def test_importing_one_tiny_image(
    tmp_path: pathlib.Path, server: web_server.Server, measure: Measure
) -> None:
    with beside.tools(tmp_path) as pair:
        for tool in pair:
            # A Glance that just began is slow once.
            tool.run([_raw(server, "First", 1000)])
        rounds = [[_raw(server, f"Tiny {number}", 1000)] for number in range(3)]
        ours, theirs = measure("import 1 tiny image", pair, *rounds)

    assert ours.wall_s < theirs.wall_s
    assert ours.requests < theirs.requests
    assert ours.requests <= 20
    assert (ours.transfers, theirs.transfers) == (1, 1)


def test_importing_ten_large_images(
    tmp_path: pathlib.Path, server: web_server.Server, measure: Measure
) -> None:
    images = [_raw(server, f"Large {number}", 50 * _MB) for number in range(10)]
    with beside.tools(tmp_path) as pair:
        ours, theirs = measure("import 10 images of 50 MB", pair, images)

    assert ours.wall_s < theirs.wall_s
    assert ours.requests < theirs.requests
    assert (ours.transfers, theirs.transfers) == (10, 10)


@pytest.mark.parametrize("many", [20, 200])
def test_nothing_to_do(
    tmp_path: pathlib.Path, server: web_server.Server, measure: Measure, many: int
) -> None:
    first = _raw(server, "0", 1000) | {"name": "Many"}
    copies = [f"Many {number}" for number in range(1, many)]
    with beside.tools(tmp_path) as pair:
        for tool in pair:
            tool.run([first])
            (made,) = tool.cloud.images(name="Many")
            tool.cloud.copy(made["id"], "Many", copies)
        before = [_changed(tool.cloud) for tool in pair]
        # What is the same object is one in the file, too, and the original changes it there.
        images = [copy.deepcopy(first) | {"name": name} for name in ("Many", *copies)]
        ours, theirs = measure(f"{many} definitions, nothing to do", pair, images)

        assert [_changed(tool.cloud) for tool in pair] == before
    assert len(before[0]) == many
    assert ours.wall_s < theirs.wall_s
    assert ours.requests <= 10
    assert (ours.transfers, theirs.transfers) == (0, 0)


def test_importing_to_a_glance_that_converts(
    tmp_path: pathlib.Path, server: web_server.Server, measure: Measure
) -> None:
    rounds = [
        [_disk(server, f"{word} {number}", 50 * _MB) for number in (1, 2)]
        for word in ("Disk", "Other")
    ]
    with beside.tools(tmp_path, cloud.Options(import_plugins="image_conversion")) as pair:
        ours, theirs = measure("import 2 images, Glance converts", pair, *rounds)
        for tool in pair:
            assert {image["disk_format"] for image in tool.cloud.images()} == {"raw"}

    assert ours.wall_s < theirs.wall_s
    assert (ours.transfers, theirs.transfers) == (2, 2)


def _changed(running: cloud.Cloud) -> list[tuple[str, str]]:
    """Return when each image was changed last."""
    return sorted((image["id"], image["updated_at"]) for image in running.images())


def _raw(server: web_server.Server, name: str, size: int) -> dict[str, Any]:
    """Return an image with one version, whose data are at the server."""
    path = server.directory / f"{name}.raw".replace(" ", "-")
    path.write_bytes(os.urandom(size))
    return _image(server, name, path)


def _disk(server: web_server.Server, name: str, size: int) -> dict[str, Any]:
    """Return the same, as a disk of qcow2."""
    raw = server.directory / "raw"
    raw.write_bytes(os.urandom(size))
    path = server.directory / f"{name}.qcow2".replace(" ", "-")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", "-f", "raw", raw, path], check=True)
    return _image(server, name, path) | {"format": "qcow2"}


def _image(server: web_server.Server, name: str, path: pathlib.Path) -> dict[str, Any]:
    checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    version = image_files.version("1", url=f"{server.url}{path.name}", checksum=checksum)
    return image_files.image(name, version, min_disk=1)
