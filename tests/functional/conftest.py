"""Fixtures that several functional tests share."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.support import cloud as support
from tests.support import octavia_api, scratch

from retrofit import cloud

Connect = Callable[..., cloud.Cloud]

# Workers take files in this order: what lasts longest is not left for the end, and while the
# packed charm's pair of machines is emulated, no others are.
_FIRST = (
    "test_charm_in_container",
    "test_bad_input",
    "test_broken_images",
    "test_same_tree",
    "test_octavia_driver",
    "test_proof_boot",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that are to run first."""
    places = {name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


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
