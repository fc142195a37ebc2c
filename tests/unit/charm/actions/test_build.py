"""The actions retrofit-image, in all its outcomes, and show-history."""

from __future__ import annotations

import datetime
import json
from typing import Any

import ops
import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from retrofit.model.documents import run_document
from workload import engine

Context = testing.Context[charm.RetrofitCharm]

IMAGE = {
    "id": "5f3c",
    "name": "amphora-haproxy-x86_64-ubuntu-24.04-20261120",
    "size": 361758720,
    "created-at": "2026-11-20T06:00:00+00:00",
}
SOURCE_ID = "5f3c77aa-0000-4000-8000-000000000001"
SOURCE = {"id": "77aa", "name": "ubuntu-noble-24.04", "version": "20261120"}


@pytest.fixture
def state(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> testing.State:
    """A unit that is ready to build."""
    before = testing.State(relations=[keystone], leader=True)
    return context.run(context.on.relation_changed(keystone), before)


def _act(context: Context, state: testing.State, **parameters: Any) -> testing.State:
    named = {name.replace("_", "-"): value for name, value in parameters.items()}
    return context.run(context.on.action("retrofit-image", params=named), state)


def _steps(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "wall-s": 12.3} for name in names]


def test_reports_progress_and_ends_with_the_image(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [
        charm_fakes.nothing,
        lambda it: it.record(outcome="running", step="unpack"),
        lambda it: it.record(outcome="running", step="grow", steps=_steps("unpack", "inspect")),
        lambda it: it.record(
            outcome="published",
            steps=_steps("unpack", "inspect", "grow"),
            image=IMAGE,
            source=SOURCE,
            **{"duration-s": 724.4},
        ),
    ]

    out = _act(context, state)

    assert context.action_logs == ["unpack: 12 s", "inspect: 12 s", "grow: 12 s"]
    assert context.action_results == {
        "image-id": "5f3c",
        "image-name": IMAGE["name"],
        "image-size": "361758720",
        "source": "77aa",
        "duration": "724 s",
    }
    assert (fake.runs[0]["force"], fake.runs[0]["trigger"]) == (False, "action")
    assert "source" not in fake.runs[0]
    assert isinstance(out.unit_status, ops.ActiveStatus)


def test_passes_its_parameters_on(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [lambda it: it.record(outcome="published", image=IMAGE)]
    _act(context, state, force=True)

    fake.play = [lambda it: it.record(outcome="published", image=IMAGE)]
    _act(context, state, source_image=SOURCE_ID.upper())

    assert [(run["force"], run.get("source")) for run in fake.runs] == [
        (True, None),
        (True, f"glance:{SOURCE_ID}"),
    ]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"source_image": "noble"}, "wrong source-image: 'noble' is not the ID of an image"),
        (
            {"definition": "amfora"},
            "definition=amfora must select one of these images: amphora-qcow2",
        ),
        (
            {"source_image": SOURCE_ID, "definition": "amfora"},
            "definition=amfora must select one of these images: amphora-qcow2",
        ),
    ],
)
def test_a_wrong_parameter_fails_the_action_and_nothing_else(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    parameters: dict[str, str],
    reason: str,
) -> None:
    with pytest.raises(testing.ActionFailed) as caught:
        _act(context, state, **parameters)

    assert caught.value.message == reason
    assert not fake.runs
    assert context.run(context.on.update_status(), state).unit_status.name == "active"


def test_a_base_image_that_is_not_there_fails_its_action_alone(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    message = f"cannot show image {SOURCE_ID}: it does not exist"
    told = {"trigger": "action", "message": message, "named-source": f"glance:{SOURCE_ID}"}
    fake.play = [lambda it: it.record(outcome="failed", **told)]
    with pytest.raises(testing.ActionFailed, match=message):
        _act(context, state, source_image=SOURCE_ID)

    out = context.run(context.on.update_status(), state)

    assert out.unit_status == ops.ActiveStatus(
        f"ready; no image built yet; the last action failed: {message}"
    )


def test_a_failure_of_what_the_options_say_blocks_the_unit_whoever_asked(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    told = {"trigger": "action", "message": "no base image", "named-source": "glance:"}
    fake.play = [lambda it: it.record(outcome="failed", **told)]
    with pytest.raises(testing.ActionFailed, match="no base image"):
        _act(context, state)

    out = context.run(context.on.update_status(), state)

    assert out.unit_status == ops.BlockedStatus("last build failed: no base image")


def test_ends_well_when_the_tag_was_all_that_lacked(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [lambda it: it.record(outcome="tagged", image=IMAGE)]

    _act(context, state)

    assert context.action_results is not None
    assert context.action_results["image-id"] == "5f3c"


def test_fails_when_the_image_is_up_to_date(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [
        lambda it: it.record(
            outcome="up-to-date", message="the image 5f3c is published already", image=IMAGE
        )
    ]

    with pytest.raises(testing.ActionFailed, match="the image 5f3c is published already"):
        _act(context, state)


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_fails_with_the_line_of_the_build(
    context: Context, state: testing.State, fake: charm_fakes.Workload, outcome: str
) -> None:
    fake.play = [lambda it: it.record(outcome=outcome, message="no space left", hint="free some")]

    with pytest.raises(testing.ActionFailed) as failed:
        _act(context, state)

    assert failed.value.message == "no space left; free some"


def test_fails_when_the_build_dies(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [lambda it: it.record(outcome="running", step="customise")]

    with pytest.raises(testing.ActionFailed, match="ended without a result in step customise"):
        _act(context, state)


@pytest.mark.parametrize("newer", [False, True])
def test_does_not_take_an_older_result_for_its_own(
    context: Context, state: testing.State, fake: charm_fakes.Workload, newer: bool
) -> None:
    fake.record(outcome="published", image=IMAGE)
    fake.newer = newer
    fake.play = [charm_fakes.nothing]

    with pytest.raises(testing.ActionFailed, match="the build ended without a result"):
        _act(context, state)


def test_returns_at_once_when_asked_to(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.play = [charm_fakes.nothing, charm_fakes.nothing]

    out = _act(context, state, wait=False)

    assert context.action_results == {"run-id": fake.runs[0]["run-id"]}
    assert out.unit_status == ops.MaintenanceStatus("building")


@pytest.mark.parametrize("wait", [True, False])
def test_a_run_goes_on_without_its_action_only_if_that_does_not_wait(
    context: Context, state: testing.State, fake: charm_fakes.Workload, wait: bool
) -> None:
    fake.play = [lambda it: it.record(outcome="published", image=IMAGE)]

    _act(context, state, wait=wait)

    assert fake.attended_runs == [fake.runs[0]["run-id"] if wait else ""]
    assert fake.attending == ""


@pytest.mark.parametrize("related", [True, False])
@pytest.mark.parametrize("found", ["running", "waiting", ""])
def test_cancels_what_runs_or_waits(
    context: Context,
    keystone: testing.Relation,
    fake: charm_fakes.Workload,
    found: str,
    related: bool,
) -> None:
    fake.running = found == "running"
    fake.once = {"trigger": "retry"} if found == "waiting" else None
    state = testing.State(relations=[keystone] if related else [])

    if found:
        context.run(context.on.action("cancel-run"), state)
        assert context.action_results == {"cancelled": found}
    else:
        with pytest.raises(testing.ActionFailed, match="no run is in progress"):
            context.run(context.on.action("cancel-run"), state)

    assert (fake.running, fake.once) == (False, None)


def test_refuses_a_second_build(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    fake.running = True

    with pytest.raises(testing.ActionFailed, match="a build is running already"):
        _act(context, state)

    assert not fake.runs
    assert fake.once is None


def test_refuses_without_credentials(context: Context, fake: charm_fakes.Workload) -> None:
    with pytest.raises(testing.ActionFailed, match="missing relation identity-credentials"):
        _act(context, testing.State(leader=True))

    assert not fake.runs


def test_runs_on_a_unit_that_is_not_leader(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    state = testing.State(relations=[keystone], leader=False)
    state = context.run(context.on.relation_changed(keystone), state)
    fake.play = [lambda it: it.record(outcome="published", image=IMAGE)]

    _act(context, state)

    assert len(fake.runs) == 1


def test_does_not_wait_for_ever(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "TIMEOUT_S", -1)
    fake.play = [charm_fakes.nothing] * 3

    with pytest.raises(testing.ActionFailed, match="too long to wait for"):
        _act(context, state)


def test_a_history_of_a_newer_revision_is_refused_by_name(
    context: Context, fake: charm_fakes.Workload
) -> None:
    fake.newer = True

    with pytest.raises(testing.ActionFailed, match="has version 9; upgrade"):
        context.run(context.on.action("show-history"), testing.State())


@pytest.mark.parametrize("related", [True, False])
def test_shows_the_last_runs_whatever_the_unit_lacks(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload, related: bool
) -> None:
    bare = testing.State(relations=[keystone] if related else [])
    context.run(context.on.action("show-history"), bare)
    assert context.action_results == {"runs": "none yet"}

    fake.ended = tuple(
        run_document.Entry(
            outcome="failed",
            started=datetime.datetime(2026, 11, 21, 22, number, tzinfo=datetime.UTC),
            message="x" * 3000,
        )
        for number in range(50)
    )
    context.run(context.on.action("show-history"), bare)

    found = context.action_results
    assert found is not None
    shown = json.loads(found["json"])
    assert 25 < len(shown) < 50, "as many as Juju takes"
    assert len(found["runs"].splitlines()) == len(shown) + 1
    assert len(found["runs"].encode()) < 128 * 1024
    assert shown[0]["started"] == "2026-11-21T22:49:00+00:00"
