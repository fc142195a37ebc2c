"""Image files of OpenStack Image Manager against the real Glance: rotation, and what stays."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.support import cloud as support
from tests.support import image_files, web_server

from retrofit import cloud

Connect = Callable[..., cloud.Cloud]


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[web_server.Server]:
    (tmp_path / "served").mkdir()
    with web_server.serving(tmp_path / "served") as running:
        yield running


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_six_versions_rotate(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    connection = connect()
    seen = []

    for number in range(1, 7):
        name = f"2026080{number}"
        checksum = image_files.content(server.directory / f"{name}.img", name)
        version = image_files.version(name, url=f"{server.url}{name}.img", checksum=checksum)
        path = image_files.write(tmp_path / "images.yml", image_files.image("Six", version))
        _, failures = image_files.manage(connection, path, work, delete=number == 6)
        assert failures == []
        # Once more changes nothing.
        again = image_files.manage(connection, path, work, delete=number == 6)
        assert again == ([], [])
        seen.append(image_files.shown(running_cloud, "Six"))

    def row(number: int, visibility: str = "public") -> tuple[str, ...]:
        version = f"2026080{number}"
        return version, f"Six ({version})", visibility, "active"

    def current(number: int) -> tuple[str, ...]:
        return f"2026080{number}", "Six", "public", "active"

    assert seen == [
        [current(1)],
        [row(1), current(2)],
        [row(1), row(2), current(3)],
        [row(1, "community"), row(2), row(3), current(4)],
        [row(1, "community"), row(2, "community"), row(3), row(4), current(5)],
        [row(4), row(5), current(6)],
    ]
    assert list(work.iterdir()) == []
