"""Which base image is taken from a real Glance, and whether it arrives whole."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import platform
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from tests.support import scratch
from tests.support.cloud import cloud as support

from retrofit import cloud, errors, model
from retrofit.base_images import glance, selection
from retrofit.cloud import project

Connect = Callable[..., cloud.Cloud]
JAMMY = {"os_version": "22.04", "architecture": "x86_64"}


def _ignore(done: int, total: int) -> None:
    """Take progress without telling anybody."""


def _upload_base(running: support.Cloud, file: pathlib.Path, **options: str | None) -> str:
    return running.upload_base(file, disk_format="raw", **options)


def _find(connection: cloud.Cloud, series: str = "", **options: str) -> model.BaseImage:
    wanted = glance.Wanted(series=series, **({"architecture": "x86_64"} | options))
    return glance.find(connection, wanted).base


def test_prefers_daily_server_then_minimal_then_releases_and_the_newest_version(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection = connect()
    # Worst first: each upload is to displace the one before, whenever it was made.
    for product, version in (
        ("com.ubuntu.cloud:minimal:22.04:amd64", "20260905"),
        ("com.ubuntu.cloud:server:22.04:amd64", "20260904"),
        ("com.ubuntu.cloud.daily:minimal:22.04:amd64", "20260903"),
        ("com.ubuntu.cloud.daily:server:22.04:amd64", "20260901"),
        ("com.ubuntu.cloud.daily:server:22.04:amd64", "20260902.1"),
    ):
        image_id = _upload_base(
            running_cloud, image_file, product_name=product, version_name=version, **JAMMY
        )
        found = _find(connection, "jammy")
        assert (found.id, found.product_name, found.version_name) == (image_id, product, version)

    _upload_base(
        running_cloud,
        image_file,
        product_name="com.ubuntu.cloud.daily:server:22.04:amd64",
        version_name="20260902",
        **JAMMY,
    )
    assert _find(connection, "jammy").version_name == "20260902.1"


def test_takes_the_architecture_asked_for(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    arm = _upload_base(
        running_cloud,
        image_file,
        product_name="com.ubuntu.cloud.daily:server:24.04:arm64",
        architecture="aarch64",
    )
    assert _find(connect(), "noble", architecture="aarch64").id == arm


@pytest.mark.parametrize("visibility", ["private", "community", "shared"])
def test_passes_over_what_somebody_else_calls_ubuntu(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path, visibility: str
) -> None:
    _upload_base(
        running_cloud,
        image_file,
        product_name="com.ubuntu.cloud.daily:server:20.04:amd64",
        os_version="20.04",
        visibility=visibility,
        who=support.TENANT,
    )
    with pytest.raises(errors.InputMissing, match=r"ubuntu 20\.04 \(focal\) for x86_64"):
        _find(connect(), "focal")


def test_reports_an_untrusted_image_that_fits_best_and_selects_another(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    product = {"product_name": "com.ubuntu.cloud.daily:server:25.10:amd64", "os_version": "25.10"}
    ours = _upload_base(running_cloud, image_file, version_name="20260101", **product)
    perfect = _upload_base(
        running_cloud,
        image_file,
        name="perfect",
        version_name="20990101",
        visibility="shared",
        who=support.TENANT,
        **product,
    )
    connection = connect()
    theirs = _share(running_cloud, perfect, connection.project_id)
    assert [i.id for i in connection.images([("product_name", product["product_name"])])] == [
        perfect,
        ours,
    ]
    wanted = glance.Wanted(series="questing", architecture="x86_64")

    found = glance.find(connection, wanted)

    assert found.base.id == ours
    assert found.untrusted == (selection.UntrustedImage(perfect, "perfect", theirs, "shared"),)
    trusting = dataclasses.replace(wanted, projects=(theirs,))
    assert glance.find(connection, trusting).base.id == perfect
    named = glance.Wanted(image_id=perfect)
    with pytest.raises(
        errors.Denied, match=f"{perfect}.*belongs to project {theirs}.*source-proj"
    ):
        glance.find(connection, named)
    assert (
        glance.find(connection, dataclasses.replace(named, projects=(theirs,))).base.id == perfect
    )


def _share(running: support.Cloud, image_id: str, project: str) -> str:
    """Have an image of the tenant's shared with a project and accepted there; return its owner."""
    members = f"/images/{image_id}/members"
    with running.connect(support.TENANT) as tenant, running.connect(support.RETROFIT) as us:
        tenant.image.post(members, json={"member": project}).raise_for_status()
        us.image.put(f"{members}/{project}", json={"status": "accepted"}).raise_for_status()
        return str(tenant.current_project_id)


def test_takes_this_machines_series_where_there_is_no_lts(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        platform,
        "freedesktop_os_release",
        lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"},
    )
    debian = {"product_name": None, "os_distro": "debian", "os_version": "12"}
    image_id = _upload_base(running_cloud, image_file, version_name="20260101", **debian)
    # Results of ours carry the same properties; they are no base images.
    ours = _upload_base(running_cloud, image_file, version_name="20260201", **debian)
    with running_cloud.admin() as admin:
        admin.image.add_tag(ours, "octavia-diskimage-retrofit")

    assert _find(connect()).id == image_id
    assert _find(connect(), "bookworm").id == image_id


def test_says_what_was_looked_for_and_what_there_is(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    _upload_base(running_cloud, image_file)

    with pytest.raises(errors.InputMissing) as raised:
        _find(connect(), "noble", architecture="s390x")

    assert "no base image in Glance for ubuntu 24.04 (noble) for s390x" in str(raised.value)
    assert "com.ubuntu.cloud.daily:server:24.04:amd64" in str(raised.value)
    assert raised.value.details[0].endswith("com.ubuntu.cloud.daily:server:24.04:s390x")


def test_refuses_a_series_that_does_not_exist(connect: Connect) -> None:
    with pytest.raises(errors.ConfigError, match="nobel"):
        _find(connect(), "nobel")


def test_reads_all_pages(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(project, "_PAGE", 2)
    ids = {_upload_base(running_cloud, image_file, os_distro="pages") for _ in range(5)}

    assert {image.id for image in connect().images([("os_distro", "pages")])} == ids


def test_takes_a_named_image_without_any_property(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    bare = dict.fromkeys(
        (
            "product_name",
            "version_name",
            "item_name",
            "content_id",
            "source_content_id",
            "os_distro",
            "os_version",
            "architecture",
        )
    )
    image_id = _upload_base(running_cloud, image_file, name="bare", **bare)

    found = glance.find(connect(), glance.Wanted(image_id=image_id)).base

    assert (found.id, found.name, found.size) == (image_id, "bare", 3_072_000)
    assert (found.version_name, found.architecture) == ("", "")


def test_refuses_an_image_that_is_not_there(connect: Connect) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(errors.InputMissing, match=f"cannot show image {missing}"):
        glance.find(connect(), glance.Wanted(image_id=missing))


def test_refuses_images_without_data_to_be_had(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    image_id = _upload_base(running_cloud, image_file, product_name=None)
    with running_cloud.admin() as admin:
        admin.image.deactivate_image(image_id)
        queued = admin.image.post(
            "/images", json={"name": "q", "container_format": "bare", "disk_format": "raw"}
        ).json()["id"]
        try:
            connection = connect(support.ADMIN)
            with pytest.raises(errors.InputMissing, match=r"is deactivated; .*reactivate it"):
                glance.find(connection, glance.Wanted(image_id=image_id))
            with pytest.raises(errors.InputMissing, match="is queued; its upload is incomplete"):
                glance.find(connection, glance.Wanted(image_id=queued))
        finally:
            admin.image.delete(f"/images/{queued}")


def test_downloads_what_was_uploaded(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    connection = connect(support.TENANT)
    image_id = _upload_base(running_cloud, image_file)
    base = glance.find(connection, glance.Wanted(image_id=image_id)).base
    told: list[tuple[int, int]] = []

    glance.download(connection, base, tmp_path / "base", advanced=lambda *step: told.append(step))

    assert (tmp_path / "base").read_bytes() == image_file.read_bytes()
    assert told == sorted(told)
    assert told[-1] == (3_072_000, 3_072_000)


def test_checks_md5_where_an_old_glance_left_nothing_better(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    image_id = _upload_base(running_cloud, image_file)
    database = running_cloud.directory / "glance.db"
    with contextlib.closing(sqlite3.connect(database)) as raw, raw:
        raw.execute(
            "UPDATE images SET os_hash_algo = NULL, os_hash_value = NULL WHERE id = ?",
            (image_id,),
        )
    connection = connect()
    base = glance.find(connection, glance.Wanted(image_id=image_id)).base
    assert base.content_hash.startswith("md5:")

    glance.download(connection, base, tmp_path / "base", advanced=_ignore)

    _flip_a_byte(running_cloud, image_id)
    with pytest.raises(errors.ImageError, match="does not match its checksum"):
        glance.download(connection, base, tmp_path / "again", advanced=_ignore)


def test_refuses_a_flipped_byte_and_leaves_no_file(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    image_id = _upload_base(running_cloud, image_file)
    _flip_a_byte(running_cloud, image_id)
    connection = connect()
    base = glance.find(connection, glance.Wanted(image_id=image_id)).base

    with pytest.raises(
        errors.ImageError, match=f"the base image {image_id} does not match its checksum"
    ):
        glance.download(connection, base, tmp_path / "base", advanced=_ignore)

    assert not (tmp_path / "base").exists()


def test_leaves_no_file_when_interrupted(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise errors.Interrupted(15)

    connection = connect()
    image_id = _upload_base(running_cloud, image_file)
    base = glance.find(connection, glance.Wanted(image_id=image_id)).base

    with pytest.raises(errors.Interrupted):
        glance.download(connection, base, tmp_path / "base", advanced=interrupt)

    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize("known_size", [True, False])
def test_says_that_the_disk_is_too_small(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    small_disk: pathlib.Path,
    known_size: bool,
) -> None:
    connection = connect()
    image_id = _upload_base(running_cloud, image_file)
    base = glance.find(connection, glance.Wanted(image_id=image_id)).base
    if not known_size:
        base = dataclasses.replace(base, size=0)

    with pytest.raises(errors.NoSpace, match=str(small_disk)):
        glance.download(connection, base, small_disk / "base", advanced=_ignore)

    assert list(small_disk.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Return a file system of 1 MiB."""
    with scratch.file_system(tmp_path / "small", mebibytes=1) as place:
        yield place


def _flip_a_byte(running: support.Cloud, image_id: str) -> None:
    """Damage an image in Glance's store, as a bad disk would."""
    stored = running.directory / "images" / image_id
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)
