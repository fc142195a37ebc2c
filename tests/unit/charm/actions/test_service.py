"""The actions pause, resume and restart-services."""

from __future__ import annotations

import dataclasses

import ops
import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
import retrofit as product

Context = testing.Context[charm.RetrofitCharm]

PAUSED = "paused: no run begins by itself; run the action resume to change that"


@pytest.fixture
def state(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> testing.State:
    """A leader that builds by itself."""
    before = testing.State(
        relations=[keystone], leader=True, config={"auto-retrofit": True, "image-format": "qcow2"}
    )
    state = context.run(context.on.relation_changed(keystone), before)
    assert fake.timer == "daily"
    return state


def test_a_paused_unit_begins_nothing(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    out = context.run(context.on.action("pause"), state)
    assert out.unit_status == ops.MaintenanceStatus(PAUSED)
    assert fake.timer is None

    changed = dataclasses.replace(out, config={"auto-retrofit": True, "image-format": "raw"})
    for event in (context.on.config_changed(), context.on.upgrade_charm(), context.on.start()):
        changed = context.run(event, changed)
        assert changed.unit_status == ops.MaintenanceStatus(PAUSED)

    assert (fake.timer, fake.once, fake.runs) == (None, None, [])


def test_an_action_builds_all_the_same(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    out = context.run(context.on.action("pause"), state)

    out = context.run(context.on.action("retrofit-image", params={"wait": False}), out)

    assert [run["trigger"] for run in fake.runs] == ["action"]


def test_a_unit_that_resumes_goes_on(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    out = context.run(context.on.action("pause"), state)

    out = context.run(context.on.action("resume"), out)

    assert out.unit_status == ops.ActiveStatus("ready; no image built yet")
    assert fake.timer == "daily"


def test_restarts_the_timer_where_there_is_one(
    context: Context, state: testing.State, fake: charm_fakes.Workload
) -> None:
    context.run(context.on.action("restart-services", params={"deferred-only": True}), state)
    assert context.action_results == {"restarted": "the.timer"}

    other = dataclasses.replace(state, leader=False)
    context.run(context.on.action("restart-services"), other)
    assert context.action_results == {"restarted": "none: this unit has no timer"}
    assert fake.restarted == 2


def test_a_unit_that_is_not_ready_says_why(context: Context, fake: charm_fakes.Workload) -> None:
    with pytest.raises(testing.ActionFailed, match="missing relation identity-credentials"):
        context.run(context.on.action("restart-services"), testing.State())
    assert fake.restarted == 0


@pytest.mark.parametrize("event", ["install", "upgrade_charm"])
def test_says_its_version(context: Context, state: testing.State, event: str) -> None:
    out = context.run(getattr(context.on, event)(), state)
    assert out.workload_version == product.__version__
