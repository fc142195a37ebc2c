"""Killed at every change in Glance, runs and rollbacks leave Octavia a proven image.

What only asks changes nothing, so that to be killed at it is to be killed at the change before it.
"""

from __future__ import annotations

import itertools
import pathlib
import signal
from collections.abc import Callable

from tests.support.cloud import cloud as support
from tests.support.cloud import interceptor, observer
from tests.support.publishing import publishing

from retrofit import cloud
from retrofit.provenance import marks
from retrofit.publishing import promotion

Connect = Callable[..., cloud.Cloud]
Run = Callable[..., int]


def _states(running: support.Cloud, tag: str) -> list[str | None]:
    """Return the states of the images without the tag."""
    return [
        image.get(marks.STATE)
        for image in running.images(**{marks.AMP_IMAGE_TAG: tag})
        if tag not in image["tags"]
    ]


def test_a_promotion_killed_at_any_change(
    running_cloud: support.Cloud,
    connect: Connect,
    image_file: pathlib.Path,
    proxy: interceptor.Interceptor,
    run: Run,
) -> None:
    tag = "killed-promotion"
    publishing.published(connect(), image_file, "first", tag=tag)
    numbers = set()

    with observer.observing(running_cloud, tag) as watched:
        for fatal in itertools.count(1):
            status = run("passed", tag, fatal=fatal, writes=True)
            numbers.add(len(running_cloud.images(tag=tag, status="active")))
            if status == 0:
                break
            assert status == -signal.SIGKILL

    assert watched.wrong == []
    assert watched.asked > 20
    # Those that got as far as their promotion were taken from then on.
    assert len(watched.selected) > 3
    # Between its promotion and what follows, two have the tag.
    assert numbers == {1, 2}
    assert {"POST", "PUT", "PATCH"} <= {request.split()[0] for request in proxy.requests}
    # The one before it had to finish what a killed one left, too.
    assert fatal > len(proxy.writes)

    (current,) = running_cloud.images(tag=tag)
    assert current["name"] == f"amphora-haproxy-x86_64-ubuntu-24.04-killed{fatal}"
    assert set(_states(running_cloud, tag)) == {
        marks.UPLOADING,
        marks.UNPROVEN,
        marks.PREVIOUS,
    }


def test_a_rejection_killed_at_any_change(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path, run: Run
) -> None:
    tag = "killed-rejection"
    first = publishing.published(connect(), image_file, "first", tag=tag)

    with observer.observing(running_cloud, tag) as watched:
        for fatal in itertools.count(1):
            if run("failed", tag, fatal=fatal, writes=True) == 0:
                break

    assert watched.wrong == []
    assert watched.selected == [first.id]
    states = _states(running_cloud, tag)
    assert set(states) == {marks.UPLOADING, marks.UNPROVEN, marks.FAILED}
    assert states.count(marks.FAILED) == 1


def test_a_rollback_killed_at_any_change(
    running_cloud: support.Cloud, connect: Connect, image_file: pathlib.Path, run: Run
) -> None:
    tag = "killed-rollback"
    connection = connect()
    publishing.published(connection, image_file, "first", tag=tag)
    newest = publishing.published(connection, image_file, "second", tag=tag)
    begun = 0

    with observer.observing(running_cloud, tag) as watched:
        for fatal in itertools.count(1):
            status = run("rollback", tag, fatal=fatal, writes=True)
            half_done = running_cloud.image(newest.id).get(marks.STATE) == marks.ROLLED_BACK
            promotion.settle(connection, tag)
            (current,) = running_cloud.images(tag=tag, status="active")
            # Once it is begun, it is finished; if it is not begun, nothing has changed.
            assert (current["id"] == newest.id) is not half_done
            if status == 0:
                break
            if half_done:
                begun += 1
                version = f"second{fatal}"
                newest = publishing.published(connection, image_file, version, tag=tag)

    assert watched.wrong == []
    assert begun > 2
