"""Who uses images, and what is deleted because nobody does: asked over real connections.

Glance, Keystone and Octavia are real; Nova and Cinder are stood in for.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cloud import cloud as support
from tests.support.cloud import octavia_api, users_of_images
from tests.support.publishing import publishing

from retrofit import cloud, errors
from retrofit.cloud import usage
from retrofit.provenance import marks
from retrofit.publishing import retention, rollback, status

Connect = Callable[..., cloud.Cloud]
HIDE, DELETE, KEEP = retention.Action.HIDE, retention.Action.DELETE, retention.Action.KEEP


@pytest.fixture
def users(running_cloud: support.Cloud) -> Iterator[users_of_images.Users]:
    with users_of_images.running(running_cloud) as running:
        yield running


def _retired(
    running: support.Cloud, connection: cloud.Cloud, file: pathlib.Path, tag: str, number: int
) -> list[str]:
    """Publish so many images that there are some to be deleted; return those, newest first."""
    made = []
    for version in range(number + 2):
        made.append(publishing.published(connection, file, f"v{version}", tag=tag).id)
        running.grow_older(hours=1, **{marks.AMP_IMAGE_TAG: tag})
    publishing.retire(connection, tag, 2)
    running.grow_older(hours=24, **{marks.AMP_IMAGE_TAG: tag})
    return made[-3::-1]


def _there(running: support.Cloud, tag: str) -> set[str]:
    made_for = {marks.AMP_IMAGE_TAG: tag}
    found = running.images(**made_for) + running.images(os_hidden="true", **made_for)
    return {image["id"] for image in found}


def _command(*arguments: str, who: str = support.RETROFIT) -> subprocess.CompletedProcess[str]:
    line = (sys.executable, "-m", "retrofit", *arguments, "--os-cloud", who)
    return subprocess.run(line, check=False, capture_output=True, text=True)


def test_what_anybody_uses_is_kept_until_nobody_does(
    running_cloud: support.Cloud,
    octavia: octavia_api.Octavia,
    users: users_of_images.Users,
    connect: Connect,
    image_file: pathlib.Path,
) -> None:
    connection, tag = connect(), "used"
    retired = _retired(running_cloud, connection, image_file, tag, 4)
    amphora, server, volume, unused = retired
    octavia.add("lb", [amphora])
    users.servers[server] = ["s1", "s2"]
    users.volumes[volume] = ["v1"]

    done = publishing.retire(connection, tag, 2)

    kept = {step.image.id: step.reason for step in done.having(KEEP)}
    assert kept.pop(amphora).startswith("amphora ")
    assert kept == {server: "server s1 uses it", volume: "volume v1 uses it"}
    assert [step.image.id for step in done.having(DELETE)] == [unused]
    assert done.problem == ""
    assert _there(running_cloud, tag) & {*retired} == {amphora, server, volume}
    # What one has told of is not asked of the next; of the rest each is asked once.
    assert len([each for each in users.asked if "servers?" in each]) == 3
    assert len([each for each in users.asked if "volumes?" in each]) == 2

    octavia.clear()
    users.servers.clear()
    users.volumes.clear()
    done = publishing.retire(connection, tag, 2)
    assert {step.image.id for step in done.having(DELETE)} == {amphora, server, volume}
    assert len(_there(running_cloud, tag)) == 2


@pytest.mark.parametrize("status", [403, 500])
def test_who_does_not_tell_keeps_all(
    running_cloud: support.Cloud,
    users: users_of_images.Users,
    connect: Connect,
    image_file: pathlib.Path,
    status: int,
) -> None:
    connection, tag = connect(), f"broken-{status}"
    (retired,) = _retired(running_cloud, connection, image_file, tag, 1)
    users.broken = status

    done = publishing.retire(connection, tag, 2)

    assert [(step.action, step.reason) for step in done.steps] == [
        (KEEP, "its users are not known")
    ]
    assert "no image is deleted: the users of images are not known: cannot see the servers" in (
        done.problem
    )
    assert retired in _there(running_cloud, tag)


def test_a_user_who_sees_her_own_project_only_knows_nothing(
    running_cloud: support.Cloud, users: users_of_images.Users, connect: Connect
) -> None:
    # Cinder would answer with an empty list.
    for name in ("server", "volume"):
        kind = next(kind for kind in usage._KINDS if kind.name == name)
        with pytest.raises(errors.Denied, match=f"cannot see the {name}s of all projects"):
            usage._users(connect(support.TENANT), kind, [str(uuid.uuid4())])


def test_octavia_refuses_who_may_not_see_amphorae(
    octavia: octavia_api.Octavia, connect: Connect
) -> None:
    found = usage.ask(connect(support.TENANT), [str(uuid.uuid4())])
    assert "cannot see the amphorae of all projects: not allowed" in found.unknown


def test_nobody_is_asked_about_nothing(users: users_of_images.Users, connect: Connect) -> None:
    assert usage.ask(connect(), []) == usage.Usage({})
    assert users.asked == []


def test_an_endpoint_that_is_missing_is_not_taken_for_nobody(
    running_cloud: support.Cloud, users: users_of_images.Users, connect: Connect
) -> None:
    connect()
    inside = cloud.connect(support.RETROFIT, region=None, interface="internal")
    with contextlib.closing(inside):
        found = usage.ask(inside, [str(uuid.uuid4())])
    assert "the cloud's compute service has no internal endpoint" in found.unknown


class TestRefused:
    def test_what_the_store_does_not_delete_is_tried_again(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag = connect(), "cloned"
        retired, other = _retired(running_cloud, connection, image_file, tag, 2)
        # As Ceph with a clone, the store says no: nothing can be unlinked there.
        content = running_cloud.directory / "images" / retired
        content.rename(content.with_suffix(".kept"))
        content.mkdir()

        done = publishing.retire(connection, tag, 2)

        assert [step.image.id for step in done.having(DELETE)] == [other]
        (kept,) = done.having(KEEP)
        assert kept.image.id == retired
        assert "a later run tries again" in kept.reason
        assert done.problem == ""
        assert running_cloud.image(retired)["status"] == "active"

        content.rmdir()
        content.with_suffix(".kept").rename(content)
        done = publishing.retire(connection, tag, 2)
        assert [step.image.id for step in done.having(DELETE)] == [retired]

    def test_what_is_protected_stays(
        self, running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
    ) -> None:
        connection, tag = connect(), "protected"
        (retired,) = _retired(running_cloud, connection, image_file, tag, 1)
        connection.patch(retired, [{"op": "replace", "path": "/protected", "value": True}])
        running_cloud.grow_older(hours=24, **{marks.AMP_IMAGE_TAG: tag})

        (step,) = publishing.retire(connection, tag, 2).steps

        assert (step.action, step.reason) == (KEEP, "it is protected from deletion")
        connection.patch(retired, [{"op": "replace", "path": "/protected", "value": False}])


def test_a_rollback_goes_back_to_a_hidden_image_if_there_is_no_other(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    connection, tag = connect(), "hidden-target"
    (first,) = _retired(running_cloud, connection, image_file, tag, 1)
    assert running_cloud.image(first)["os_hidden"] is True

    rollback.rollback(connection, tag)
    # Now nothing else is left to go back to.
    assert [step.action for step in publishing.retire(connection, tag, 1).steps] == [KEEP]
    shown = status.status(connection, tag, work_base=tmp_path)
    done = rollback.rollback(connection, tag)

    assert shown.previous is not None
    assert done.current.id == shown.previous.id == first
    (current,) = running_cloud.images(tag=tag)
    assert (current["id"], current["os_hidden"]) == (first, False)


class TestCommand:
    def test_shows_first_and_does_it_when_told(
        self,
        running_cloud: support.Cloud,
        users: users_of_images.Users,
        connect: Connect,
        image_file: pathlib.Path,
    ) -> None:
        connection, tag = connect(), "pruned"
        used, unused = _retired(running_cloud, connection, image_file, tag, 2)
        users.servers[used] = ["s1"]
        newest = publishing.published(connection, image_file, "v9", tag=tag)
        gate = publishing.Gate(publishing.proof(failing=("kernel",)))
        failed = []
        for _ in range(2):
            with pytest.raises(errors.ProofFailed) as raised:
                publishing.published(connection, image_file, "v10", tag=tag, gate=gate)
            failed.append(raised.value.image_id)
        # The one before went when the second failed.
        assert failed[1] in _there(running_cloud, tag) >= {newest.id, used, unused}
        assert failed[0] not in _there(running_cloud, tag)
        before = _there(running_cloud, tag)
        options = ("prune", "--amp-image-tag", tag, "--keep", "2")

        shown = _command(*options)

        assert shown.returncode == 0, shown.stderr
        lines = shown.stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["hide", "keep", "delete", "nothing"]
        assert used in lines[1] and lines[1].endswith("server s1 uses it")
        assert unused in lines[2]
        assert lines[3] == "nothing was changed; use --yes to make these changes"
        assert _there(running_cloud, tag) == before

        done = _command(*options, "--yes", "--json")

        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        assert [image["id"] for image in told["deleted"]] == [unused]
        assert [image["id"] for image in told["kept"]] == [used]
        assert len(told["hidden"]) == 1
        assert (told["done"], told["keep"], told["problem"]) == (True, 2, "")
        assert _there(running_cloud, tag) == before - {unused}

    def test_says_what_keeps_it_from_deleting(
        self,
        running_cloud: support.Cloud,
        users: users_of_images.Users,
        connect: Connect,
        image_file: pathlib.Path,
    ) -> None:
        connection, tag = connect(), "not-known"
        (retired,) = _retired(running_cloud, connection, image_file, tag, 1)
        users.broken = 403

        done = _command("prune", "--amp-image-tag", tag, "--keep", "2", "--yes")

        assert done.returncode == 69
        assert retired in _there(running_cloud, tag)
        assert done.stdout.startswith(f"kept  {retired}")
        assert done.stderr.splitlines()[-1] == (
            "retrofit: error: no image is deleted: the users of images are not known: cannot "
            "see the "
            "servers of all projects: not allowed: It is broken; grant the user a role with "
            "this permission"
        )
