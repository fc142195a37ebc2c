"""Image files of OpenStack Image Manager against the real Glance: rotation, and what stays."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.support import cloud as support
from tests.support import image_files, web_server

from retrofit import cloud, errors
from retrofit.manager import importing

Connect = Callable[..., cloud.Cloud]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[support.Cloud]:
    """A cloud that takes uploads directly, and fetches images itself."""
    with support.running(options=support.Options(import_methods="web-download")) as running:
        yield running


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


def test_glance_fetches_an_image_itself_and_is_held_to_its_checksum(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    connection = connect()
    right = image_files.content(server.directory / "1.img", "right")
    url = f"{server.url}1.img"

    def manage(checksum: str, prefetch: importing.Prefetch) -> list[errors.RetrofitError]:
        version = image_files.version("1", url=url, checksum=checksum)
        image = image_files.image("By URL", version, visibility="private")
        path = image_files.write(tmp_path / "images.yml", image)
        _, failures = image_files.manage(connection, path, work, prefetch=prefetch, retries=1)
        return failures

    (failure,) = manage(f"sha256:{'0' * 64}", importing.Prefetch.NEVER)
    assert isinstance(failure, errors.ImageError)
    assert image_files.shown(running_cloud, "By URL") == []
    # By another way it is no better.
    (failure,) = manage(f"sha256:{'0' * 64}", importing.Prefetch.ON_STUCK)
    assert isinstance(failure, errors.ImageError)
    assert image_files.shown(running_cloud, "By URL") == []
    assert list(work.iterdir()) == []

    before = len(server.of("1.img"))
    assert manage(right, importing.Prefetch.NEVER) == []
    # Glance asked once, and nobody else.
    assert len(server.of("1.img")) == before + 1
    assert image_files.shown(running_cloud, "By URL") == [("1", "By URL", "private", "active")]


def test_what_glance_cannot_fetch_is_uploaded(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    checksum = image_files.content(server.directory / "1.img", "stuck")
    # An address that this Glance does not fetch from.
    url = f"{server.url}1.img".replace("127.0.0.1", "localhost")
    version = image_files.version("1", url=url, checksum=checksum)
    path = image_files.write(tmp_path / "images.yml", image_files.image("Stuck", version))

    _, failures = image_files.manage(
        connect(), path, work, prefetch=importing.Prefetch.ON_STUCK, retries=1
    )

    assert failures == []
    assert image_files.shown(running_cloud, "Stuck") == [("1", "Stuck", "public", "active")]
