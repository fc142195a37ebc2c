"""What becomes of images that newer ones replaced, in a real Glance, also after kills."""

from __future__ import annotations

import hashlib
import itertools
import pathlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cloud import cloud as support
from tests.support.cloud import interceptor, observer
from tests.support.publishing import publishing

from retrofit import cloud
from retrofit.provenance import marks
from retrofit.publishing import publish

Connect = Callable[..., cloud.Cloud]
Run = Callable[..., int]
CURRENT, PREVIOUS, HIDDEN = "current", "former", "hidden"
# Of publishing.rotate: two versions each have the same name.
VERSIONS = ("a.1", "a.2", "b.1", "b.2", "b.3", "c.1")


def _all(running: support.Cloud, tag: str) -> list[dict[str, Any]]:
    """Return all images made for a tag as Glance shows them, newest first."""
    made_for = {marks.AMP_IMAGE_TAG: tag}
    found = running.images(**made_for) + running.images(os_hidden="true", **made_for)
    return sorted(found, key=lambda image: image["created_at"], reverse=True)


def _rotation(running: support.Cloud, tag: str, versions: Iterator[str] | tuple[str, ...]) -> Any:
    """Return what became of each version that is there, and check what has to go with it."""
    by_fingerprint = {
        hashlib.sha256(version.encode()).hexdigest(): version for version in versions
    }
    there = [
        image
        for image in _all(running, tag)
        if image.get(marks.STATE) not in (marks.UPLOADING, marks.UNPROVEN)
    ]
    names = [image["name"] for image in there]
    assert len(set(names)) == len(names)
    told = {}
    for image in there:
        version = by_fingerprint[image[marks.FINGERPRINT]]
        bare = f"amphora-haproxy-x86_64-ubuntu-24.04-{version.partition('.')[0]}"
        assert image["name"].startswith(bare)
        assert image["status"] == "active"
        state = image.get(marks.STATE), tag in image["tags"], image["os_hidden"]
        told[version] = {
            (None, True, False): CURRENT,
            (marks.PREVIOUS, False, False): PREVIOUS,
            (marks.PREVIOUS, False, True): HIDDEN,
        }[state]
        assert marks.OWN_TAG in image["tags"]
        if told[version] == CURRENT:
            assert image["name"] == bare
    return told


def _a_day_passes(running: support.Cloud, tag: str) -> None:
    running.grow_older(hours=24, **{marks.AMP_IMAGE_TAG: tag})


def test_six_versions_of_which_three_are_kept(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path
) -> None:
    connection, tag = connect(), "rotation"
    states = []

    with observer.observing(running_cloud, tag) as watched:
        for version in VERSIONS:
            publishing.rotate(connection, image_file, version, tag=tag, keep=3)
            states.append(_rotation(running_cloud, tag, VERSIONS))
            _a_day_passes(running_cloud, tag)

    assert states == [
        {"a.1": CURRENT},
        {"a.2": CURRENT, "a.1": PREVIOUS},
        {"b.1": CURRENT, "a.2": PREVIOUS, "a.1": PREVIOUS},
        {"b.2": CURRENT, "b.1": PREVIOUS, "a.2": PREVIOUS, "a.1": HIDDEN},
        {"b.3": CURRENT, "b.2": PREVIOUS, "b.1": PREVIOUS, "a.2": HIDDEN},
        {"c.1": CURRENT, "b.3": PREVIOUS, "b.2": PREVIOUS, "b.1": HIDDEN},
    ]
    # Before the first there is none.
    assert {wrong for wrong in watched.wrong if wrong != "no image"} == set()
    # One that finds all up to date goes on, too.
    publishing.rotate(connection, image_file, "c.1", tag=tag, keep=3)
    assert _rotation(running_cloud, tag, VERSIONS) == {
        "c.1": CURRENT,
        "b.3": PREVIOUS,
        "b.2": PREVIOUS,
    }


@pytest.mark.slow
def test_a_rotation_killed_at_any_change_and_run_again(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    proxy: interceptor.Interceptor,
    run: Run,
) -> None:
    connection, tag = connect(), "killed-rotation"
    versions = []
    for number in range(1, 5):
        # They all have the same name.
        versions.append(f"a.{number}")
        publishing.rotate(connection, image_file, versions[-1], tag=tag, keep=3)
        _a_day_passes(running_cloud, tag)
    left = set()

    with observer.observing(running_cloud, tag) as watched:
        for fatal in itertools.count(1):
            versions.append(f"a.{len(versions) + 1}")
            status = run("rotate", tag, fatal=fatal, version=versions[-1], writes=True)
            left |= {image.get(marks.STATE) for image in _all(running_cloud, tag)}
            if status != 0:
                assert status == -signal.SIGKILL
                publishing.rotate(connection, image_file, versions[-1], tag=tag, keep=3)
            assert _rotation(running_cloud, tag, tuple(versions)) == dict(
                zip(reversed(versions[-4:]), (CURRENT, PREVIOUS, PREVIOUS, HIDDEN), strict=True)
            )
            if status == 0:
                break
            _a_day_passes(running_cloud, tag)
            publish.tidy(connection, tag)
            assert len(_all(running_cloud, tag)) == 4

    assert watched.wrong == []
    assert fatal == len(proxy.writes) + 1
    assert [write.split()[0] for write in proxy.writes] == [
        "POST",
        "PUT",
        # It is whole; the name is free; it is current; the previous one has no tag any more.
        *["PATCH"] * 4,
        # One is hidden, one that was is deleted.
        "PATCH",
        "DELETE",
    ]
    assert left == {None, marks.PREVIOUS, marks.UPLOADING, marks.UNPROVEN}
