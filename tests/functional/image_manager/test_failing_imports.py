"""Imports that go wrong at the real Glance: by which way an image comes, and what is left."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping

import pytest
from tests.support.cloud import cloud as support
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import cloud, errors
from retrofit.image_manager import importing

Connect = Callable[..., cloud.Cloud]


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "images.yml"


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the import methods that Glance was asked for so far."""
    asked: list[str] = []
    begin = cloud.Cloud.begin_import

    def noted(self: cloud.Cloud, image_id: str, method: Mapping[str, str]) -> None:
        asked.append(method["name"])
        begin(self, image_id, method)

    monkeypatch.setattr(cloud.Cloud, "begin_import", noted)
    return asked


def _wanted(server: web_server.Server, name: str, **changes: object) -> dict[str, object]:
    """Return an image whose data a web server has."""
    checksum = image_files.content(server.directory / "1.raw", name)
    version = image_files.version("1", url=f"{server.url}1.raw", checksum=checksum, **changes)
    return image_files.image(name, version)


@pytest.mark.parametrize(
    ("status", "timeout_s", "reason"),
    [("killed", 600.0, "it is killed after"), ("importing", 1.0, "it is importing after")],
)
def test_an_import_that_never_ends_is_given_up(
    status: str,
    timeout_s: float,
    reason: str,
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"Endless {status}"

    def stand_still(_: cloud.Cloud, image_id: str, method: object) -> None:
        with contextlib.closing(sqlite3.connect(running_cloud.directory / "glance.db")) as rows:
            rows.execute("UPDATE images SET status = ? WHERE id = ?", (status, image_id))
            rows.commit()

    monkeypatch.setattr(cloud.Cloud, "begin_import", stand_still)
    image_files.write(path, _wanted(server, name))
    means = {"prefetch": importing.Prefetch.NEVER, "timeout_s": timeout_s}
    began = time.monotonic()

    _, (failure,) = image_files.manage(connect(), path, work, **means)

    assert time.monotonic() - began < 30
    assert isinstance(failure, errors.Unavailable)
    assert reason in str(failure)
    assert image_files.shown(running_cloud, name) == []


def test_a_glance_that_fails_during_an_import_ends_it(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise errors.Unavailable("Glance does not answer")

    monkeypatch.setattr(cloud.Cloud, "import_tasks", fail)
    image_files.write(path, _wanted(server, "Unanswered"))

    _, (failure,) = image_files.manage(connect(), path, work)

    assert "Glance does not answer" in str(failure)
    assert image_files.shown(running_cloud, "Unanswered") == []
    assert list(work.iterdir()) == []


def test_a_download_that_does_not_end_in_time_is_given_up(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    image_files.write(path, _wanted(server, "Dripping"))
    server.faults["1.raw"].append(web_server.Fault(after=0, trickle=True))
    means = {"prefetch": importing.Prefetch.ALWAYS, "timeout_s": 1.0}

    _, (failure,) = image_files.manage(connect(), path, work, **means)

    assert isinstance(failure, errors.Unavailable)
    assert "the download of Dripping (1) did not end in time" in str(failure)
    assert image_files.shown(running_cloud, "Dripping") == []
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_always_and_files_of_this_machine_are_uploaded(
    scheme: str,
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
    methods: list[str],
) -> None:
    image = _wanted(server, f"Staged {scheme}")
    prefetch = importing.Prefetch.ALWAYS
    if scheme == "file":
        prefetch = importing.Prefetch.ON_STUCK
        image["versions"][0]["url"] = f"file://{server.directory}/1.raw"  # type: ignore[index]
    image_files.write(path, image)

    _, failures = image_files.manage(connect(), path, work, prefetch=prefetch)

    assert failures == []
    assert methods == ["glance-direct"]
    assert [row[3] for row in image_files.shown(running_cloud, f"Staged {scheme}")] == ["active"]


def test_a_download_that_glance_refuses_to_begin_is_made_here(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = cloud.Cloud.begin_import

    def refuse(self: cloud.Cloud, image_id: str, method: Mapping[str, str]) -> None:
        if method["name"] == "web-download":
            raise errors.Unavailable("Glance refuses")
        begin(self, image_id, method)

    monkeypatch.setattr(cloud.Cloud, "begin_import", refuse)
    image_files.write(path, _wanted(server, "Refused"))
    on_stuck = importing.Prefetch.ON_STUCK

    _, failures = image_files.manage(connect(), path, work, prefetch=on_stuck)

    assert failures == []
    assert image_files.shown(running_cloud, "Refused") == [("1", "Refused", "public", "active")]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("prefetch", [importing.Prefetch.ALWAYS, importing.Prefetch.NEVER])
def test_who_downloads_is_what_was_asked_for(
    prefetch: importing.Prefetch,
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
    methods: list[str],
) -> None:
    image = _wanted(server, "Gone")
    (server.directory / "1.raw").unlink()
    image_files.write(path, image)
    made = running_cloud.requests()["glance: POST /images"]

    _, (failure,) = image_files.manage(connect(), path, work, prefetch=prefetch)

    made = running_cloud.requests()["glance: POST /images"] - made
    if prefetch is importing.Prefetch.ALWAYS:
        # Nothing is registered for what is not there.
        assert (made, methods) == (0, [])
        assert isinstance(failure, errors.InputMissing)
    else:
        assert (made, methods) == (1, ["web-download"])
        assert isinstance(failure, errors.Unavailable)
    assert image_files.shown(running_cloud, "Gone") == []


def test_a_server_that_tells_no_size_is_no_obstacle(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    server.unsized = True
    image_files.write(path, _wanted(server, "Unsized"))

    _, failures = image_files.manage(connect(), path, work)

    assert failures == []
    assert [row[3] for row in image_files.shown(running_cloud, "Unsized")] == ["active"]


def test_an_identifier_that_glance_does_not_give_twice(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    fixed = str(uuid.uuid4())
    image_files.write(path, _wanted(server, "Once", id=fixed))
    connection = connect()
    assert image_files.manage(connection, path, work)[1] == []
    connection.delete(fixed)

    _, (failure,) = image_files.manage(connection, path, work)

    assert f"{fixed} already exists" in str(failure)
    assert image_files.shown(running_cloud, "Once") == []


def test_where_an_import_failed_nothing_is_deleted(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    connection = connect()
    names = "Kept for now", "Goes on"
    for number in ("1", "2"):
        images = [_wanted(server, name) for name in names]
        for image in images:
            image["meta"]["uuid_validity"] = "none"  # type: ignore[index]
            image["versions"][0]["version"] = number  # type: ignore[index]
            del image["versions"][0]["checksum"]  # type: ignore[attr-defined]
        image_files.write(path, *images)
        assert image_files.manage(connection, path, work)[1] == []
    images[0]["versions"].append(  # type: ignore[attr-defined]
        image_files.version("3", url=f"{server.url}absent.raw")
    )
    image_files.write(path, *images)

    steps, (failure,) = image_files.manage(connection, path, work, delete=True)

    assert isinstance(failure, errors.InputMissing)
    assert image_files.names(steps) == ["import Kept for now (3)", "delete Goes on (1)"]
    assert [row[0] for row in image_files.shown(running_cloud, names[0])] == ["1", "2"]
