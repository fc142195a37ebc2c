"""Images that are disks: how large a machine's disk has to be, Glances that convert, quotas."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.support.cloud import cloud as support
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import cloud, errors
from retrofit.image_manager import conversion, importing

Connect = Callable[..., cloud.Cloud]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[support.Cloud]:
    """A cloud that keeps what it imports as it is."""
    with support.running() as running:
        yield running


@pytest.fixture(scope="module")
def converting_cloud() -> Iterator[support.Cloud]:
    """A cloud that makes raw images of all that it imports."""
    options = support.Options(import_plugins="image_conversion")
    with support.running(options=options) as running:
        yield running


@pytest.fixture
def converting(
    converting_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[cloud.Cloud]:
    path = converting_cloud.clouds_yaml(tmp_path / "converting.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    connection = cloud.connect(support.RETROFIT, region=None, interface=None)
    yield connection
    connection.close()


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def _disk(path: pathlib.Path, size: str) -> str:
    """Make an empty disk; return its checksum."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("prefetch", [importing.Prefetch.ALWAYS, importing.Prefetch.NEVER])
def test_the_disk_of_a_machine_is_at_least_the_image_s(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    prefetch: importing.Prefetch,
) -> None:
    name = f"Disk {prefetch.value}"
    checksum = _disk(server.directory / "3.qcow2", "2500M")
    version = image_files.version("1", url=f"{server.url}3.qcow2", checksum=checksum)
    image = image_files.image(name, version, format="qcow2", min_disk=1)
    path = image_files.write(tmp_path / "images.yml", image)
    connection = connect()

    assert image_files.manage(connection, path, work, prefetch=prefetch)[1] == []
    (made,) = running_cloud.images(name=name)
    assert made["min_disk"] == 3
    # A later run leaves it, and what a file asks for beyond counts.
    assert image_files.manage(connection, path, work, prefetch=prefetch) == ([], [])
    image_files.write(path, image | {"min_disk": 5})
    assert image_files.manage(connection, path, work, prefetch=prefetch)[1] == []
    assert running_cloud.image(made["id"])["min_disk"] == 5


def test_a_glance_that_converts_gets_each_image_once(
    converting_cloud: support.Cloud,
    converting: cloud.Cloud,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    images = []
    for number in (1, 2):
        file = f"{number}.qcow2"
        checksum = _disk(server.directory / file, f"{32 * number}M")
        version = image_files.version("1", url=f"{server.url}{file}", checksum=checksum)
        images.append(image_files.image(f"Once {number}", version, format="qcow2"))
    path = image_files.write(tmp_path / "images.yml", *images)

    _, failures = image_files.manage(converting, path, work, prefetch=importing.Prefetch.ON_STUCK)

    assert failures == []
    assert [len(server.of(f"{number}.qcow2")) for number in (1, 2)] == [1, 1]
    for number in (1, 2):
        (made,) = converting_cloud.images(name=f"Once {number}")
        assert (made["disk_format"], made["min_disk"]) == ("raw", 1)
    # Nothing is left of how that was found out.
    assert all("conversion" not in image["name"] for image in converting_cloud.images())


def test_a_glance_that_converts_what_it_fetches_is_held_to_the_source_s_checksum(
    converting_cloud: support.Cloud,
    converting: cloud.Cloud,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    right = _disk(server.directory / "1.qcow2", "32M")
    for checksum in (f"sha256:{'0' * 64}", right):
        version = image_files.version("1", url=f"{server.url}1.qcow2", checksum=checksum)
        image = image_files.image("Never here", version, format="qcow2")
        path = image_files.write(tmp_path / "images.yml", image)
        _, failures = image_files.manage(converting, path, work, prefetch=importing.Prefetch.NEVER)
        if checksum != right:
            assert [type(failure) for failure in failures] == [errors.ImageError]
            assert image_files.shown(converting_cloud, "Never here") == []

    assert failures == []
    assert image_files.shown(converting_cloud, "Never here") == [
        ("1", "Never here", "public", "active")
    ]
    assert "the checksum was compared with the file at" in caplog.text


def test_whether_a_glance_converts(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, converting: cloud.Cloud
) -> None:
    assert conversion.happens(converting)
    settings = running_cloud.clouds_yaml(tmp_path / "usual.yaml")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OS_CLIENT_CONFIG_FILE", str(settings))
        connection = cloud.connect(support.RETROFIT, region=None, interface=None)
    assert not conversion.happens(connection)
    connection.close()


def test_a_mirror_without_the_image_is_passed_over(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    checksum = image_files.content(server.directory / "1.raw", "passed over")
    image_files.content(server.directory / "another.raw", "another")
    for prefetch in importing.Prefetch:
        for place in ("absent.raw", "another.raw"):
            name = f"Passed over {prefetch.value} {place}"
            version = image_files.version(
                "1",
                url=f"{server.url}1.raw",
                mirror_url=f"{server.url}{place}",
                checksum=checksum,
            )
            path = image_files.write(tmp_path / "i.yml", image_files.image(name, version))
            caplog.clear()
            _, failures = image_files.manage(connect(), path, work, prefetch=prefetch)
            assert failures == []
            assert len(running_cloud.images(name=name)) == 1
            assert f"the next place is {server.url}1.raw" in caplog.text
    assert list(work.iterdir()) == []


@pytest.mark.slow
def test_a_quota_that_is_used_up_is_named(
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"image_count_total": 9, "image_count_uploading": 9, "image_stage_total": -1}
    with support.running(options=support.Options(unified_limits=True)) as limited:
        limited.limit(image_size_total=0, **limits)
        settings = limited.clouds_yaml(tmp_path / "clouds.yaml")
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(settings))
        connection = cloud.connect(support.RETROFIT, region=None, interface=None)
        found = []
        # The first is what uses it up.
        for number, prefetch in enumerate(("never", "never", "on-stuck", "always")):
            checksum = image_files.content(server.directory / "1.raw", f"{number}" * 1000)
            version = image_files.version("1", url=f"{server.url}1.raw", checksum=checksum)
            image = image_files.image(f"Quota {number}", version)
            path = image_files.write(tmp_path / "images.yml", image)
            chosen = importing.Prefetch(prefetch)
            found.append(image_files.manage(connection, path, work, prefetch=chosen)[1])
        connection.close()

    assert found[0] == []
    for failures in found[1:]:
        assert [type(failure) for failure in failures] == [errors.NoSpace]
        assert "image_size_total" in str(failures[0])
    # Nothing was fetched that could not be kept.
    assert len(server.of("1.raw")) == 2
