"""The action manage-images, in all its outcomes."""

from __future__ import annotations

from typing import Any

import ops
import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from workload import image_files

Context = testing.Context[charm.RetrofitCharm]

_PATH = "/srv/images"


@pytest.fixture
def state(
    context: Context, keystone: testing.Relation, imports: charm_fakes.ImageFiles
) -> testing.State:
    """A leader that is ready, with image files."""
    before = testing.State(relations=[keystone], leader=True, config={"image-files": _PATH})
    return context.run(context.on.config_changed(), before)


def _act(context: Context, state: testing.State, **parameters: Any) -> testing.State:
    return context.run(context.on.action("manage-images", params=parameters), state)


def _refused(context: Context, state: testing.State) -> str:
    with pytest.raises(testing.ActionFailed) as caught:
        _act(context, state)
    return caught.value.message


def test_waits_for_the_run(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    imports: charm_fakes.ImageFiles,
) -> None:
    imports.play = [
        lambda it: it.record(outcome="running"),
        lambda it: it.record(outcome="managed", **{"duration-s": 12.4}),
    ]

    out = _act(context, state)

    assert context.action_results == {"duration": "12 s"}
    [run] = imports.runs
    assert (run["trigger"], imports.attended_runs) == ("action", [run["run-id"]])
    assert (fake.runs, imports.timer) == ([], "daily")
    assert isinstance(out.unit_status, ops.ActiveStatus)


def test_a_paused_unit_answers_as_well(
    context: Context, state: testing.State, imports: charm_fakes.ImageFiles
) -> None:
    paused = context.run(context.on.action("pause"), state)

    _act(context, paused, wait=False)

    [run] = imports.runs
    assert context.action_results == {"run-id": run["run-id"]}
    assert context.action_logs == ["the run has begun; see the unit's status for its progress"]
    assert imports.timer is None


def test_a_run_that_fails_fails_the_action(
    context: Context, state: testing.State, imports: charm_fakes.ImageFiles
) -> None:
    imports.play = [
        lambda it: it.record(outcome="failed", message="no such file", hint="check --images")
    ]

    assert _refused(context, state) == "no such file; check the option image-files"
    assert context.action_results == {"duration": "0 s"}


@pytest.mark.parametrize("told", [{"outcome": "running"}, {"outcome": "managed", "run-id": "x"}])
def test_a_run_without_a_result_names_its_own_journal(
    context: Context,
    state: testing.State,
    imports: charm_fakes.ImageFiles,
    told: dict[str, str],
) -> None:
    imports.play = [lambda it: it.record(**told)]

    message = _refused(context, state)

    assert message.endswith(f"without a result; {image_files.JOURNAL}")


def test_what_keeps_a_run_from_beginning_is_named(
    context: Context,
    state: testing.State,
    keystone: testing.Relation,
    imports: charm_fakes.ImageFiles,
) -> None:
    def on(*, leader: bool = True, **options: Any) -> testing.State:
        return testing.State(relations=[keystone], leader=leader, config=options)

    assert _refused(context, on()) == "set image-files: without it, the charm imports no images"
    assert _refused(context, on(leader=False, **{"image-files": _PATH})) == (
        "run this action on the leader"
    )
    assert _refused(context, on(**{"image-files": "images"})).startswith(
        "wrong option image-files"
    )
    assert "identity-credentials" in _refused(context, testing.State(leader=True))
    imports.running, imports.play = True, [charm_fakes.nothing] * 3
    assert _refused(context, state) == (
        "a run of image-files is in progress; its progress is in the unit's status"
    )
    assert imports.runs == []
