"""Image files of OpenStack Image Manager against the real Glance: rotation, and what stays."""

from __future__ import annotations

import datetime
import hashlib
import lzma
import os
import pathlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.support.cloud import cloud as support
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import cloud, errors
from retrofit.cloud import images
from retrofit.image_manager import awaiting, importing

Connect = Callable[..., cloud.Cloud]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[support.Cloud]:
    """A cloud that takes uploads directly, and fetches images itself."""
    with support.running(options=support.Options(import_methods="web-download")) as running:
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


def test_an_import_that_does_not_begin_is_given_up_or_tried_again(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = connect()
    checksum = image_files.content(server.directory / "1.img", "lost")
    version = image_files.version("1", url=f"{server.url}1.img", checksum=checksum)
    path = image_files.write(tmp_path / "images.yml", image_files.image("Lost", version))
    begin, lost = cloud.Cloud.begin_import, 2

    def lose(self: cloud.Cloud, image_id: str, method: Mapping[str, str]) -> None:
        nonlocal lost
        lost -= 1
        if lost < 0:
            begin(self, image_id, method)

    monkeypatch.setattr(cloud.Cloud, "begin_import", lose)
    monkeypatch.setattr(awaiting, "_STUCK_S", 1.0)
    never = importing.Prefetch.NEVER

    _, (failure,) = image_files.manage(connection, path, work, prefetch=never)
    assert "the import of Lost (1) has not ended: it is queued after" in str(failure)
    assert image_files.shown(running_cloud, "Lost") == []

    _, failures = image_files.manage(connection, path, work, prefetch=never, retries=1)
    assert failures == []
    assert image_files.shown(running_cloud, "Lost") == [("1", "Lost", "public", "active")]


def test_every_key_does_something(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    connection = connect()
    digests = {
        name: image_files.content(server.directory / name, name)
        for name in ("1.raw", "2.raw", "latest.raw", "mirrored.raw")
    }
    (server.directory / "SHA256SUMS").write_text(
        "".join(f"{digest.partition(':')[2]} *{name}\n" for name, digest in digests.items())
    )
    (server.directory / "mirrored.sum").write_text(digests["mirrored.raw"].partition(":")[2])
    with lzma.open(server.directory / "packed.raw.xz", "wb") as packed:
        packed.write((server.directory / "1.raw").read_bytes())
    meta = {
        "architecture": "aarch64",
        "hotfix_hours": 48,
        "hw_disk_bus": "scsi",
        "hw_firmware_type": "uefi",
        "hw_machine_type": "virt",
        "hw_rng_model": "virtio",
        "hw_scsi_model": "virtio-scsi",
        "hw_vif_multiqueue_enabled": True,
        "hw_watchdog_action": "reset",
        "hypervisor_type": "qemu",
        "image_description": "https://example.org/notes",
        "os_distro": "debian",
        "os_version": "12",
        "os_purpose": "minimal",
        "patchlevel": "3",
        "provided_until": datetime.date(2028, 6, 30),
        "replace_frequency": "weekly",
        "uuid_validity": "last-2",
    }
    fixed = str(uuid.uuid4())
    rotating = image_files.image(
        "Every key",
        image_files.version(
            "1",
            url="https://example.org/unreachable/packed.raw.xz",
            mirror_url=f"{server.url}packed.raw.xz",
            # Of what is in the package; that of the package is as good.
            checksum=digests["1.raw"],
            build_date=datetime.datetime(2026, 7, 1, 4, 30),  # noqa: DTZ001 -- as YAML has it
            visibility="private",
            hidden=True,
            os_version="12.1",
            source="private",
            image_description="the first",
            meta={"uuid_validity": "none"},
        ),
        image_files.version(
            "2",
            url=f"{server.url}2.raw",
            checksums_url=f"{server.url}SHA256SUMS",
            id=fixed,
            meta={"hw_machine_type": "q35", "patchlevel": "4"},
        ),
        meta=meta,
        login="debian",
        password="not for Glance",
        shortname="every-key",
        separator="_",
        min_disk=3,
        min_ram=256,
        tags=["blue"],
        keep=True,
        latest_url=f"{server.url}latest.raw",
        latest_checksum_url=f"{server.url}SHA256SUMS",
    )
    lasting = image_files.image(
        "Lasting",
        image_files.version(
            "1.9", url=f"{server.url}mirrored.raw", checksum_url=f"{server.url}mirrored.sum"
        ),
        image_files.version("1.10", url=f"{server.url}1.raw", checksum=digests["1.raw"]),
        multi=False,
        status="deactivated",
        visibility="community",
        meta={"os_version": "is its version"},
    )
    newest = image_files.image(
        "Newest",
        image_files.version(
            "latest",
            url=f"{server.url}latest.raw",
            checksums_url=f"{server.url}SHA256SUMS",
            build_date=None,
        ),
        visibility="shared",
    )
    asleep = image_files.image("Asleep", image_files.version("1"), enable=False)
    path = image_files.write(tmp_path / "images.yml", rotating, lasting, newest, asleep)
    touched = datetime.datetime(2026, 8, 3, tzinfo=datetime.UTC).timestamp()
    os.utime(server.directory / "latest.raw", (touched, touched))

    steps, failures = image_files.manage(connection, path, work, use_os_hidden=True)

    assert failures == []
    assert image_files.shown(running_cloud, "Asleep") == []
    assert image_files.shown(running_cloud, "Every key") == [
        ("1", "Every key_(1)", "hidden", "active"),
        ("2", "Every key", "public", "active"),
    ]
    first = running_cloud.images(name="Every key_(1)", os_hidden="true")[0]
    second = running_cloud.image(fixed)
    assert (first["visibility"], second["visibility"]) == ("private", "public")
    assert (second["disk_format"], second["container_format"]) == ("raw", "bare")
    assert (second["min_disk"], second["min_ram"]) == (3, 256)
    assert sorted(second["tags"]) == ["blue", image_files.TAG, "os:debian"]
    common = {key: str(value) for key, value in meta.items()} | {"image_original_user": "debian"}
    common |= {"image_name": "Every key"}
    assert common | {
        "image_build_date": "2026-08-01",
        "image_source": f"{server.url}2.raw",
        "internal_version": "2",
        "hw_machine_type": "q35",
        "patchlevel": "4",
        "upstream_checksum": digests["2.raw"].partition(":")[2],
    } == _properties(second)
    assert common | {
        "image_build_date": "2026-07-01",
        "image_source": "private",
        "image_description": "the first",
        "internal_version": "1",
        "os_version": "12.1",
        "uuid_validity": "none",
        "upstream_checksum": digests["1.raw"].partition(":")[2],
    } == _properties(first)
    assert image_files.shown(running_cloud, "Lasting") == [
        ("1.10", "Lasting 1.10", "community", "deactivated"),
        ("1.9", "Lasting 1.9", "hidden", "deactivated"),
    ]
    (lasted,) = running_cloud.images(name="Lasting 1.9", visibility="community", os_hidden="true")
    assert lasted["os_version"] == "1.9"
    # At least as large as its data.
    assert lasted["min_disk"] == 1
    (latest,) = running_cloud.images(support.RETROFIT, name="Newest")
    assert latest["upstream_checksum"] == digests["latest.raw"].partition(":")[2]
    assert (latest["internal_version"], latest["visibility"]) == ("20260803", "shared")
    assert latest["image_build_date"] == "2026-08-03"

    # What a file changes is changed in place, and nothing is by a second run.
    rotating["meta"] |= {"hotfix_hours": 24, "hw_machine_type": None, "hw_rng_model": None}
    rotating |= {"min_ram": 512, "tags": ["green"], "status": "deactivated"}
    lasting["status"] = "active"
    image_files.write(path, rotating, lasting, newest)
    steps, failures = image_files.manage(connection, path, work, use_os_hidden=True)
    assert failures == []
    assert {step.what for step in steps} == {"change", "deactivate", "reactivate"}
    changed = running_cloud.image(fixed)
    assert (changed["hotfix_hours"], changed["min_ram"]) == ("24", 512)
    # ``null`` takes a property away, but not that of a version's own.
    assert "hw_rng_model" not in changed
    assert changed["hw_machine_type"] == "q35"
    assert sorted(changed["tags"]) == ["green", image_files.TAG, "os:debian"]
    assert changed["status"] == "deactivated"
    assert {row[3] for row in image_files.shown(running_cloud, "Lasting")} == {"active"}
    assert image_files.manage(connection, path, work, use_os_hidden=True) == ([], [])

    # ``keep`` keeps what is not wanted any more, whatever is asked for.
    rotating["versions"] = rotating["versions"][1:]
    lasting["versions"] = lasting["versions"][1:]
    (server.directory / "latest.raw").write_bytes(b"newer" * 4096)
    digest = hashlib.sha256((server.directory / "latest.raw").read_bytes()).hexdigest()
    (server.directory / "SHA256SUMS").write_text(f"SHA256 (latest.raw) = {digest}\n")
    touched += 86400
    os.utime(server.directory / "latest.raw", (touched, touched))
    image_files.write(path, rotating, lasting, newest)
    _, failures = image_files.manage(connection, path, work, delete=True, hide=True)
    assert failures == []
    assert len(image_files.shown(running_cloud, "Every key")) == 2
    assert [row[0] for row in image_files.shown(running_cloud, "Lasting")] == ["1.10", "1.9"]
    del rotating["keep"]
    image_files.write(path, rotating, lasting, newest)
    steps, _ = image_files.manage(connection, path, work, delete=True)
    assert image_files.names(steps) == ["delete Every key_(1)"]
    assert [row[0] for row in image_files.shown(running_cloud, "Every key")] == ["2"]
    assert image_files.shown(running_cloud, "Newest") == [
        ("20260803", "Newest (20260803)", "shared", "active"),
        ("20260804", "Newest", "shared", "active"),
    ]


def _properties(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of an image as Glance shows it."""
    return dict(images.parse(shown).properties)


def test_an_identifier_is_not_taken_from_another_image(
    running_cloud: support.Cloud, connect: Connect, tmp_path: pathlib.Path, work: pathlib.Path
) -> None:
    file = tmp_path / "1.raw"
    checksum = image_files.content(file, "taken")
    taken = running_cloud.upload_base(file, name="Taken", disk_format="raw", who=support.RETROFIT)
    version = image_files.version("1", url=f"file://{file}", checksum=checksum, id=taken)
    path = image_files.write(tmp_path / "images.yml", image_files.image("Taker", version))
    before = running_cloud.image(taken)

    _, (failure,) = image_files.manage(connect(), path, work)

    assert isinstance(failure, errors.ConfigError)
    assert f"images.yml:2: Taker (1): the identifier {taken} of version 1 belongs to Taken" in str(
        failure
    )
    assert running_cloud.image(taken) == before


def test_images_of_the_previous_manager_are_adopted(
    running_cloud: support.Cloud, connect: Connect, tmp_path: pathlib.Path, work: pathlib.Path
) -> None:
    connection = connect()
    file = tmp_path / "1.raw"
    checksum = image_files.content(file, "adopted")
    # As it leaves them, an older one without image_name.
    said = {**image_files.META, "image_description": "Adopted", "image_original_user": "ubuntu"}
    said |= {"image_build_date": "2026-08-01", "image_source": "file:1.raw"}
    ids = []
    for name, number in (("Adopted (1)", "1"), ("Adopted", "2")):
        properties = (
            said | {"internal_version": number} | ({"image_name": "Adopted"} if ids else {})
        )
        made = running_cloud.upload_base(
            file,
            name=name,
            disk_format="raw",
            who=support.RETROFIT,
            product_name=None,
            version_name=None,
            **properties,
        )
        with running_cloud.connect(support.RETROFIT) as owner:
            for tag in (image_files.TAG, "os:ubuntu"):
                owner.image.put(f"/images/{made}/tags/{tag}").raise_for_status()
        ids.append(made)
    version = image_files.version("2", url=f"file://{file}", checksum=checksum)
    path = image_files.write(tmp_path / "images.yml", image_files.image("Adopted", version))

    steps, failures = image_files.manage(connection, path, work)

    assert failures == []
    # Its data takes a GiB, rounded up; os_version is what the test's base image has anyway.
    assert [(step.what, step.image, step.details) for step in steps] == [
        ("change", "Adopted", "min_disk: 1"),
        ("change", "Adopted (1)", "os_purpose: oldgeneric"),
    ]
    third = version | {"version": "3"}
    image_files.write(path, image_files.image("Adopted", third))
    assert image_files.manage(connection, path, work)[1] == []
    assert [row[:2] for row in image_files.shown(running_cloud, "Adopted")] == [
        ("1", "Adopted (1)"),
        ("2", "Adopted (2)"),
        ("3", "Adopted"),
    ]
    assert [running_cloud.image(each)["name"] for each in ids] == ["Adopted (1)", "Adopted (2)"]


def test_a_glance_that_does_not_say_how_it_imports_leaves_the_rest_to_be_done(
    running_cloud: support.Cloud,
    connect: Connect,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "images.yml"
    versions = []
    for number in "12":
        checksum = image_files.content(server.directory / f"{number}.raw", f"mute {number}")
        url = f"{server.url}{number}.raw"
        versions.append(image_files.version(number, url=url, checksum=checksum))
    there = image_files.image("Mute there", versions[0])
    image_files.write(path, there)
    assert image_files.manage(connect(), path, work)[1] == []

    def fail(_: object) -> None:
        raise errors.Unavailable("Glance does not answer")

    monkeypatch.setattr(cloud.Cloud, "import_methods", fail)
    due = [image_files.image(f"Mute {each}", versions[1]) for each in ("a", "b")]
    image_files.write(path, there | {"min_disk": 7}, *due)

    _, failures = image_files.manage(connect(), path, work)

    assert [failure.message.partition(": ")[2] for failure in failures] == [
        "Mute a (2): Glance does not answer",
        "Mute b (2): Glance does not answer",
    ]
    (image,) = [each for each in running_cloud.images() if each["name"].startswith("Mute")]
    assert image["min_disk"] == 7
