"""What a real Glance holds after an image was published, or was not."""

from __future__ import annotations

import datetime
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest
from tests.support import cloud as support

from retrofit import cloud, errors, model, naming, publish

Connect = Callable[..., cloud.Cloud]
TAG = "octavia-amphora"


def _ignore(done: int, total: int) -> None:
    """Take progress without telling anybody."""


def _description(
    version: str, *, fingerprint: str = "f" * 64, tag: str = TAG
) -> naming.Description:
    built = model.BuildResult(
        image=pathlib.Path("unused"),
        image_format=model.ImageFormat.RAW,
        virtual_size=0,
        size=0,
        sha256="",
        sha512="",
        release=model.Release("ubuntu", "24.04", "noble", "amd64"),
        packages=(),
    )
    base = model.BaseImage(
        id="4d1b",
        content_hash="sha512:abcd",
        product_name="com.ubuntu.cloud.daily:server:24.04:amd64",
        version_name=version,
        os_distro="ubuntu",
        os_version="24.04",
        architecture="x86_64",
    )
    return naming.describe(built, base, recipe="amphora", fingerprint=fingerprint, tag=tag)


@pytest.mark.parametrize("who", [support.RETROFIT, support.TENANT])
def test_publishes_as_consumers_expect(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path, who: str
) -> None:
    told: list[tuple[int, int]] = []

    published = publish.publish(
        connect(who),
        image_file,
        _description(f"contract-{who}"),
        advanced=lambda *step: told.append(step),
    )

    shown = running_cloud.image(published.id)
    assert shown["name"] == f"amphora-haproxy-x86_64-ubuntu-24.04-contract-{who}"
    expected = {
        "status": "active",
        "visibility": "shared",
        "container_format": "bare",
        "disk_format": "raw",
        "size": 3_072_000,
        "architecture": "x86_64",
        "os_distro": "ubuntu",
        "os_version": "24.04",
        "source_product_name": "com.ubuntu.cloud.daily:server:24.04:amd64",
        "source_version_name": f"contract-{who}",
        "retrofit_fingerprint": "f" * 64,
        "retrofit_recipe": "amphora",
        "retrofit_source_id": "4d1b",
        "retrofit_source_hash": "sha512:abcd",
    }
    assert {key: shown.get(key) for key in expected} == expected
    assert sorted(shown["tags"]) == [TAG, "octavia-diskimage-retrofit"]
    assert "retrofit_state" not in shown
    assert f"sha512:{shown['os_hash_value']}" == published.content_hash
    assert told[-1] == (3_072_000, 3_072_000)


def test_is_found_by_octavia_only_when_it_is_whole(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    """Octavia asks for active images with its tag; none of ours may show before it is checked."""

    def tagged() -> int:
        return len(running_cloud.images(tag="whole", status="active"))

    seen: list[int] = []

    def watch(done: int, total: int) -> None:
        if not seen or done == total:
            seen.append(tagged())

    publish.publish(connect(), image_file, _description("whole", tag="whole"), advanced=watch)

    assert set(seen) == {0}
    assert tagged() == 1


def test_same_inputs_are_up_to_date_and_others_are_not(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection = connect()
    # What the former charm made bears the same name and tags, but says nothing of its inputs.
    former = running_cloud.upload_base(image_file, disk_format="raw", who=support.RETROFIT)
    with running_cloud.connect(support.RETROFIT) as owner:
        for tag in (TAG, naming.OWN_TAG):
            owner.image.add_tag(former, tag)
    publish.check_current(connection, "1" * 64, tag=TAG)

    published = publish.publish(
        connection, image_file, _description("current", fingerprint="1" * 64), advanced=_ignore
    )

    with pytest.raises(errors.UpToDate, match=published.id):
        publish.check_current(connection, "1" * 64, tag=TAG)
    publish.check_current(connection, "2" * 64, tag=TAG)
    publish.check_current(connection, "1" * 64, tag="another")
    # Another project has to make its own.
    publish.check_current(connect(support.TENANT), "1" * 64, tag=TAG)


def test_the_former_image_of_the_same_name_steps_aside_and_keeps_its_tags(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection = connect()
    former = publish.publish(connection, image_file, _description("twice"), advanced=_ignore)
    present = publish.publish(connection, image_file, _description("twice"), advanced=_ignore)

    name = "amphora-haproxy-x86_64-ubuntu-24.04-twice"
    assert running_cloud.image(present.id)["name"] == name
    shown = running_cloud.image(former.id)
    assert shown["name"] == f"{name}-{former.created_at:%Y%m%dT%H%M%SZ}"
    assert TAG in shown["tags"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), errors.Interrupted(signal.SIGTERM)])
def test_an_interrupted_upload_leaves_nothing(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    stop: BaseException,
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise stop

    before = {image["id"] for image in running_cloud.images()}

    with pytest.raises(type(stop)):
        publish.publish(connect(), image_file, _description("cut"), advanced=interrupt)

    assert {image["id"] for image in running_cloud.images()} == before


def test_data_that_changed_on_the_way_is_refused(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    def damage(done: int, total: int) -> None:
        if done == total:
            image_file.write_bytes(b"\0" * total)

    before = {image["id"] for image in running_cloud.images()}

    with pytest.raises(errors.Unavailable, match="stored something else than was sent"):
        publish.publish(connect(), image_file, _description("damaged"), advanced=damage)

    assert {image["id"] for image in running_cloud.images()} == before


KILLED_HALFWAY = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    from retrofit import cloud, model, naming, publish

    def die(done, total):
        if done > total // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    description = naming.Description(
        "amphora-haproxy-killed", model.ImageFormat.RAW, (), naming.tags("octavia-amphora"), ""
    )
    connection = cloud.connect("retrofit", region=None, interface=None)
    publish.publish(connection, pathlib.Path(sys.argv[1]), description, advanced=die)
    """
)


def test_the_next_upload_removes_what_a_killed_one_left_and_nothing_else(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_HALFWAY, image_file], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = running_cloud.images(name="amphora-haproxy-killed")
    with running_cloud.connect(support.TENANT) as tenant:
        other = tenant.image.post(
            "/images",
            json={
                "name": "tenant's",
                "container_format": "bare",
                "disk_format": "raw",
                naming.STATE: naming.UPLOADING,
            },
        ).json()

    publish.publish(connect(), image_file, _description("young"), advanced=_ignore)
    assert left["id"] in {image["id"] for image in running_cloud.images()}

    # Glance's times have whole seconds.
    monkeypatch.setattr(publish, "_LEFTOVER_AGE", datetime.timedelta(seconds=-2))
    publish.publish(connect(), image_file, _description("old"), advanced=_ignore)
    remaining = {image["id"] for image in running_cloud.images()}
    assert left["id"] not in remaining
    assert other["id"] in remaining


def test_a_user_who_may_only_read_is_told_so(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_cloud.admin() as admin:
        tenant = admin.identity.find_project("tenant")
        user = admin.identity.create_user(name="reader", password=support.PASSWORD)
        admin.identity.assign_project_role_to_user(
            tenant, user, admin.identity.find_role("reader")
        )
    path = running_cloud.clouds_yaml(
        tmp_path / "reader.yaml", username="reader", user_domain_name="Default"
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))

    with pytest.raises(errors.Denied, match=r"cannot create image .* not allowed"):
        publish.publish(
            connect(support.TENANT), image_file, _description("reader"), advanced=_ignore
        )


@pytest.fixture(scope="module")
def strict_cloud() -> Iterator[support.Cloud]:
    """A cloud that takes little."""
    options = support.Options(
        image_size_cap=5_000_000, user_storage_quota="7MB", disk_formats="raw,iso"
    )
    with support.running(options=options) as running:
        yield running


@pytest.mark.parametrize("limit", ["size cap", "quota"])
def test_says_that_a_limit_is_reached_and_leaves_nothing(
    strict_cloud: support.Cloud,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    if limit == "quota":
        for version in ("first", "second"):
            connection = _connect_to(strict_cloud, tmp_path, monkeypatch)
            publish.publish(connection, image_file, _description(version), advanced=_ignore)
            connection.close()
    else:
        image_file.write_bytes(b"\1" * 6_000_000)
    before = {image["id"] for image in strict_cloud.images()}
    connection = _connect_to(strict_cloud, tmp_path, monkeypatch)

    with pytest.raises(errors.NoSpace, match="more than Glance takes"):
        publish.publish(connection, image_file, _description("much"), advanced=_ignore)

    assert {image["id"] for image in strict_cloud.images()} == before
    connection.close()


def test_names_a_format_that_glance_does_not_take(
    strict_cloud: support.Cloud,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = _connect_to(strict_cloud, tmp_path, monkeypatch)
    description = naming.Description("n", model.ImageFormat.QCOW2, (), (naming.OWN_TAG,), "")

    with pytest.raises(errors.ConfigError, match="qcow2.*image-format"):
        publish.publish(connection, image_file, description, advanced=_ignore)
    connection.close()


def _connect_to(
    running: support.Cloud, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> cloud.Cloud:
    path = running.clouds_yaml(directory / "strict.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    return cloud.connect(support.RETROFIT, region=None, interface=None)
