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
from tests.support.cloud import cloud as support
from tests.support.publishing import publishing

from retrofit import cloud, errors, model
from retrofit.model import findings
from retrofit.provenance import marks
from retrofit.publishing import naming, publish, retention

Connect = Callable[..., cloud.Cloud]
TAG = publishing.TAG
OFF = findings.Depth.OFF


class Watching(publishing.Silent):
    """Calls a function as bytes are sent."""

    def __init__(self, watch: Callable[[int, int], None]) -> None:
        self._watch = watch

    def advanced(self, done: int, total: int) -> None:
        self._watch(done, total)


def _publish(
    connection: cloud.Cloud, file: pathlib.Path, version: str, watch: Callable[[int, int], None]
) -> publish.Published:
    """Publish a file, and tell of its upload."""
    publication = publish.publish(
        connection,
        file,
        publishing.description(version, tag=version),
        hashes={},
        same_fingerprint=(),
        gate=publishing.Gate(publishing.PASSING),
        reporter=Watching(watch),
    )
    return publication.image


@pytest.mark.parametrize("who", [support.RETROFIT, support.TENANT])
def test_publishes_as_consumers_expect(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path, who: str
) -> None:
    told: list[tuple[int, int]] = []

    published = _publish(
        connect(who), image_file, f"contract-{who}", lambda *step: told.append(step)
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
        "retrofit_amp_image_tag": f"contract-{who}",
        "retrofit_proof_depth": "boot",
        "retrofit_proof_result": "passed",
        "retrofit_proof_time": publishing.PASSING.ended.isoformat(timespec="seconds"),
        "retrofit_proof_summary": "5 passed",
    }
    assert {key: shown.get(key) for key in expected} == expected
    assert sorted(shown["tags"]) == [f"contract-{who}", "octavia-diskimage-retrofit"]
    assert "retrofit_state" not in shown
    assert f"sha512:{shown['os_hash_value']}" == published.content_hash
    assert told[-1] == (3_072_000, 3_072_000)


def test_nobody_meets_an_image_before_it_is_proved(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    """Others see neither tag nor name nor image, while it is uploaded and while it is proved."""
    seen = []

    def look() -> None:
        (image,) = running_cloud.images(retrofit_amp_image_tag="whole")
        # What it ends in tells it from what killed runs left.
        name = image["name"].removesuffix(f"-{image['id'][:8]}")
        seen.append((name, image["visibility"], image["tags"], image["retrofit_state"]))

    class Looking(publishing.Gate):
        def prove(self) -> findings.Proof | None:
            look()
            return super().prove()

    def watch(done: int, total: int) -> None:
        if done == total and not seen:
            look()

    publish.publish(
        connect(),
        image_file,
        publishing.description("whole", tag="whole"),
        hashes={},
        same_fingerprint=(),
        gate=Looking(publishing.PASSING),
        reporter=Watching(watch),
    )

    name = "unproven-amphora-haproxy-x86_64-ubuntu-24.04-whole"
    assert seen == [
        (name, "private", [], marks.UPLOADING),
        (name, "private", [], marks.UNPROVEN),
    ]
    assert len(running_cloud.images(tag="whole", status="active")) == 1


def test_same_inputs_are_up_to_date_and_others_are_not(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection = connect()
    tag, mark = "inputs", "71" * 32
    # What the existing charm made bears the same name and tags, but says nothing of its inputs.
    previous = running_cloud.upload_base(image_file, disk_format="raw", who=support.RETROFIT)
    with running_cloud.connect(support.RETROFIT) as owner:
        for each in (tag, marks.OWN_TAG):
            owner.image.add_tag(previous, each)
    first = publishing.planned(connection, mark, tag=tag, depth=OFF)
    assert [reason.kind.value for reason in first.reasons] == ["first"]

    published = publishing.published(connection, image_file, "current", fingerprint=mark, tag=tag)

    def kinds(mark: str, *, tag: str, connection: cloud.Cloud = connection) -> list[str]:
        found = publishing.planned(connection, mark, tag=tag, depth=OFF)
        return [reason.kind.value for reason in found.reasons]

    assert kinds(mark, tag=tag) == []
    assert kinds("72" * 32, tag=tag) == ["recipe"]
    assert kinds(mark, tag="another") == ["tag"]
    # Another project has to make its own.
    assert kinds(mark, tag=tag, connection=connect(support.TENANT)) == ["first"]
    assert published.id == publishing.planned(connection, mark, tag=tag, depth=OFF).image.id


def test_the_previous_image_of_the_same_name_steps_aside(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection = connect()
    previous = publishing.published(connection, image_file, "twice", tag="first")
    present = publishing.published(connection, image_file, "twice", tag="second")

    name = "amphora-haproxy-x86_64-ubuntu-24.04-twice"
    assert running_cloud.image(present.id)["name"] == name
    shown = running_cloud.image(previous.id)
    assert shown["name"] == f"{name}-{previous.created_at:%Y%m%dT%H%M%SZ}"
    # It is for another tag, which it keeps.
    assert "first" in shown["tags"]


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
        _publish(connect(), image_file, "cut", interrupt)

    assert {image["id"] for image in running_cloud.images()} == before


def test_data_that_changed_on_the_way_is_refused(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    def damage(done: int, total: int) -> None:
        if done == total:
            image_file.write_bytes(b"\0" * total)

    before = {image["id"] for image in running_cloud.images()}

    with pytest.raises(
        errors.Unavailable, match="the content in Glance differs from the uploaded file"
    ):
        _publish(connect(), image_file, "damaged", damage)

    assert {image["id"] for image in running_cloud.images()} == before


KILLED_HALFWAY = textwrap.dedent(
    """
    import os, pathlib, signal, sys
    from tests.support.publishing import publishing
    from retrofit import cloud
    from retrofit.publishing import publish

    class Deadly(publishing.Silent):
        def advanced(self, done, total):
            if done > total // 2:
                os.kill(os.getpid(), signal.SIGKILL)

    publish.publish(
        cloud.connect("retrofit", region=None, interface=None),
        pathlib.Path(sys.argv[1]),
        publishing.description("killed"),
        hashes={},
        same_fingerprint=(),
        gate=publishing.Gate(None),
        reporter=Deadly(),
    )
    """
)


def test_a_later_run_removes_what_a_killed_one_left_and_nothing_else(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_HALFWAY, image_file], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = running_cloud.images(retrofit_state=marks.UPLOADING)
    assert left["name"].startswith("unproven-amphora-haproxy-x86_64-ubuntu-24.04-killed-")
    with running_cloud.connect(support.TENANT) as tenant:
        other = tenant.image.post(
            "/images",
            json={
                "name": "tenant's",
                "container_format": "bare",
                "disk_format": "raw",
                marks.STATE: marks.UPLOADING,
            },
        ).json()

    publish.tidy(connect(), TAG)
    assert left["id"] in {image["id"] for image in running_cloud.images()}

    monkeypatch.setattr(retention, "_LONGEST_PAUSE", datetime.timedelta(seconds=-2))
    publish.tidy(connect(), TAG)
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
        publishing.published(connect(support.TENANT), image_file, "reader")


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
            publishing.published(connection, image_file, version)
            connection.close()
    else:
        image_file.write_bytes(b"\1" * 6_000_000)
    before = {image["id"] for image in strict_cloud.images()}
    connection = _connect_to(strict_cloud, tmp_path, monkeypatch)

    with pytest.raises(errors.NoSpace, match="more than Glance accepts"):
        publishing.published(connection, image_file, "much")

    assert {image["id"] for image in strict_cloud.images()} == before
    connection.close()


def test_names_a_format_that_glance_does_not_take(
    strict_cloud: support.Cloud,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = _connect_to(strict_cloud, tmp_path, monkeypatch)
    description = naming.Description("n", model.ImageFormat.QCOW2, (), (marks.OWN_TAG,), "", "")

    with pytest.raises(errors.ConfigError, match="qcow2.*image-format"):
        publish.publish(
            connection,
            image_file,
            description,
            hashes={},
            same_fingerprint=(),
            gate=publishing.Gate(None),
            reporter=publishing.Silent(),
        )
    connection.close()


def _connect_to(
    running: support.Cloud, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> cloud.Cloud:
    path = running.clouds_yaml(directory / "strict.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    return cloud.connect(support.RETROFIT, region=None, interface=None)
