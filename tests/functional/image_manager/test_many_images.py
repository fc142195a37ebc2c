"""Hundreds of images: what a run costs follows from what changes, not from what there is."""

from __future__ import annotations

import collections
import os
import pathlib
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.support.cloud import cloud
from tests.support.image_manager import image_files

_MANY = 200
_MOST_REQUESTS = 10
# Of a processor: how long a run waits for one is up to what else the machine does.
_MOST_S = 5.0


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud of its own, whose requests are counted."""
    with cloud.running(options=cloud.Options(import_methods="web-download")) as running:
        yield running


def test_nothing_to_do_with_200_definitions_and_200_images(
    running_cloud: cloud.Cloud, tmp_path: pathlib.Path
) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "many")
    settings = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    command = (sys.executable, "-m", "retrofit", "manage", "--images", tmp_path / "images.yml")
    command = (*command, "--os-cloud", cloud.RETROFIT, "--work-dir", tmp_path)
    version = image_files.version("1", url=f"file:{tmp_path}/1.raw", checksum=checksum)

    def run(names: list[str]) -> tuple[str, collections.Counter[str], float]:
        """Return what a run prints, what it asks, and what it computes."""
        images = [image_files.image(name, version) for name in names]
        image_files.write(tmp_path / "images.yml", *images)
        before, began_s = running_cloud.requests(), _cpu_s()
        environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(settings)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        took_s = _cpu_s() - began_s
        return done.stdout, running_cloud.requests() - before, took_s

    names = [f"Many {number:03}" for number in range(_MANY)]
    run(names[:1])
    (first,) = running_cloud.images(name=names[0])
    running_cloud.copy(first["id"], names[0], names[1:])

    printed, asked, took_s = run(names)

    assert printed == ""
    assert asked.total() <= _MOST_REQUESTS, asked
    assert took_s <= _MOST_S
    # One more is imported and renamed, and the others still cost nothing.
    printed, more, _ = run([*names, "Other"])
    assert [line.split()[0] for line in printed.splitlines()] == ["import", "change", "change"]
    assert len(more) - asked.total() <= _MOST_REQUESTS, more


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
