"""Fixtures that several functional tests share."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import yaml
from tests.support import scratch
from tests.support.cloud import cloud as support
from tests.support.cloud import interceptor, octavia_api
from tests.support.host import closed_workshops, web_server

from retrofit import cloud

closed_workshops.close()

Connect = Callable[..., cloud.Cloud]

# Workers take files in this order: what lasts longest is not left for the end, and while the
# packed charm's pair of machines is emulated, no others are.
_FIRST = (
    "charm/test_charm_in_container.py",
    "cli/test_bad_input.py",
    "proof/test_broken_images.py",
    "building/test_same_tree.py",
    "building/test_elements.py",
    "base_images/test_bootstrap.py",
    "recipes/amphora/test_octavia_driver.py",
    "recipes/amphora/test_ubuntu.py",
    "recipes/amphora/test_proof_boot.py",
    "building/test_disk.py",
    "runs/test_definitions.py",
    "planning/test_plan.py",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Put the files first that are to run first, after all were shuffled."""
    yield
    here = pathlib.Path(__file__).parent
    places = {here / name: place for place, name in enumerate(_FIRST)}
    assert all(path.exists() for path in places)
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def running_cloud() -> Iterator[support.Cloud]:
    """One cloud for all tests: each tells its own images apart by name, version or series."""
    with support.running() as running:
        yield running


@pytest.fixture(scope="module")
def octavia(running_cloud: support.Cloud) -> Iterator[octavia_api.Octavia]:
    """The shared cloud has Octavia, for the tests of one file."""
    with octavia_api.running(running_cloud) as running:
        yield running


@pytest.fixture
def connect(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    """Return how to connect to the shared cloud; connections are closed after the test."""
    path = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    opened = []

    def open_connection(who: str = support.RETROFIT) -> cloud.Cloud:
        connection = cloud.connect(who, region=None, interface=None)
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        connection.close()


@pytest.fixture
def proxy(running_cloud: support.Cloud) -> Iterator[interceptor.Interceptor]:
    with interceptor.intercepting(running_cloud) as running:
        yield running


@pytest.fixture
def run(
    running_cloud: support.Cloud,
    proxy: interceptor.Interceptor,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> Iterator[Callable[..., int]]:
    """Return what does something at Glance in a process that is killed at one of its requests."""
    settings = running_cloud.clouds_yaml(tmp_path / "intercepted.yaml")
    content = yaml.safe_load(settings.read_text())
    content["clouds"][support.RETROFIT]["image_endpoint_override"] = proxy.url
    settings.write_text(yaml.safe_dump(content))
    with subprocess.Popen(
        (sys.executable, "-m", "tests.support.publishing.publishing", str(image_file)),
        env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(settings)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"

        def run(
            what: str, tag: str, *, fatal: int, version: str = "", writes: bool = False
        ) -> int:
            print(what, tag, version or f"killed{fatal}", file=parent.stdin, flush=True)
            proxy.doom(int(parent.stdout.readline()), fatal=fatal, writes=writes)
            status = int(parent.stdout.readline())
            proxy.forget()
            return status

        yield run
        parent.stdin.close()


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[web_server.Server]:
    """A web server of an empty directory."""
    (tmp_path / "served").mkdir()
    with web_server.serving(tmp_path / "served") as running:
        yield running


@pytest.fixture
def image_file(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a file of 3 MB that passes for a raw image."""
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(range(256)) * 12_000)
    return path


@pytest.fixture
def open_directory() -> Iterator[pathlib.Path]:
    """Return a directory that a build's workshop enters: to pytest's own it is a stranger."""
    with scratch.directory("retrofit-test") as directory:
        yield directory
