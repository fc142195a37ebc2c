"""Killed at every change in Glance, a rotation ends in the same state when it is run again."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
import yaml
from tests.support.cloud import cloud, interceptor
from tests.support.image_manager import image_files


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud that takes uploads directly."""
    with cloud.running(options=cloud.Options(import_methods="web-download")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("fixed", [False, True])
def test_a_rotation_killed_at_any_change(
    running_cloud: cloud.Cloud,
    proxy: interceptor.Interceptor,
    tmp_path: pathlib.Path,
    fixed: bool,
) -> None:
    product = "Fixed" if fixed else "Killed"
    settings = running_cloud.clouds_yaml(tmp_path / "intercepted.yaml")
    content = yaml.safe_load(settings.read_text())
    content["clouds"][cloud.RETROFIT]["image_endpoint_override"] = proxy.url
    settings.write_text(yaml.safe_dump(content))
    work = tmp_path / "work"
    work.mkdir()
    parent = subprocess.Popen(
        (sys.executable, "-m", "tests.support.image_manager.image_files", str(work)),
        env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(settings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    number = 0

    def run(*, fatal: int) -> int:
        """Import the version of the present number, killed at one of the requests."""
        name = f"{number:03}"
        file = tmp_path / f"{name}.raw"
        version = image_files.version(
            name,
            url=f"file:{file}",
            checksum=image_files.content(file, name),
            # Glance gives an identifier once: what a killed run began with it has to be finished.
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)) if fixed else None,
        )
        image = image_files.image(product, version)
        path = image_files.write(tmp_path / "images.yml", image)
        assert parent.stdin is not None
        assert parent.stdout is not None
        print(path, file=parent.stdin, flush=True)
        proxy.doom(int(parent.stdout.readline()), fatal=fatal)
        status = int(parent.stdout.readline())
        proxy.forget()
        return status

    def expected() -> list[tuple[str, ...]]:
        older = [f"{each:03}" for each in range(max(1, number - 2), number)]
        rows = [(name, f"{product} ({name})", "public", "active") for name in older]
        return [*rows, (f"{number:03}", product, "public", "active")]

    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        while number < 4:
            number += 1
            assert run(fatal=0) == 0
        # What only asks changes nothing, so that to be killed at it is to be killed before it.
        whole = [request.split()[0] for request in proxy.requests]
        writes = [place for place, method in enumerate(whole, start=1) if method != "GET"]
        for fatal in writes:
            number += 1
            assert run(fatal=fatal) == -signal.SIGKILL
            assert [request.split()[0] for request in proxy.requests] == whole[:fatal]
            # The plain name is never that of two images.
            left = image_files.shown(running_cloud, product)
            assert [row[1] for row in left].count(product) <= 1
            assert run(fatal=0) == 0
            assert image_files.shown(running_cloud, product) == expected()
        assert parent.stdin is not None
        parent.stdin.close()

    assert {whole[place - 1] for place in writes} == {"POST", "PUT", "PATCH", "DELETE"}
