"""The actions about images, against an engine that answers as told."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import ops
import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from workload import names

Context = testing.Context[charm.RetrofitCharm]

PREVIOUS, CURRENT = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
OWN = names.Names("octavia-diskimage-retrofit/0")
WORK = f"--work-dir={OWN.work}"
CLOUD = ["--json", "--os-cloud=octavia-diskimage-retrofit"]
SHOWN = {
    "id": CURRENT,
    "name": "amphora-haproxy-x86_64-ubuntu-24.04-20261120",
    "status": "active",
    "tags": ["octavia-amphora", "octavia-diskimage-retrofit"],
    "created-at": "2026-11-20T06:00:00+00:00",
    "state": "",
    "proof": {"depth": "boot", "result": "passed", "time": "", "summary": "41 passed"},
    "provenance": {"engine": "1.0", "recipe": "amphora", "base": {"name": "noble", "hash": "a:b"}},
    "packages": [{"name": "haproxy", "version": "2.8"}],
}
PROVED = {
    "depth": "boot",
    "result": "passed",
    "seconds": {"rest": 9.6, "boot": 161.2},
    "checks": [
        {"check": "image", "depth": "rest", "outcome": "pass", "evidence": "ubuntu noble amd64"},
        {"check": "swap", "depth": "rest", "outcome": "not applicable", "evidence": "none"},
        {"check": "agent answers", "depth": "boot", "outcome": "pass", "evidence": "160 s"},
    ],
}


@pytest.fixture
def state(
    context: Context, keystone: testing.Relation, retrofit: charm_fakes.Engine
) -> testing.State:
    """A leader that is ready, whose cloud has two images."""
    retrofit.answers["status"] = (0, {"current": {"id": CURRENT}, "former": {"id": PREVIOUS}}, "")
    options: dict[str, str | int | float | bool] = {"amp-image-tag": "octavia-amphora"}
    before = testing.State(relations=[keystone], leader=True, config=options)
    return context.run(context.on.relation_changed(keystone), before)


def _act(context: Context, state: testing.State, action: str, **parameters: Any) -> dict[str, Any]:
    named = {name.strip("_"): value for name, value in parameters.items()}
    context.run(context.on.action(action, params=named), state)
    assert context.action_results is not None
    return context.action_results


def _failed_proof() -> dict[str, Any]:
    failure = {"check": "agent answers", "depth": "boot", "outcome": "fail", "evidence": "no"}
    return PROVED | {"result": "failed", "checks": [*PROVED["checks"][:2], failure]}


@pytest.mark.parametrize("leader", [True, False])
def test_shows_what_a_run_would_do(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine, leader: bool
) -> None:
    planned = {
        "action": "build",
        "name": "amphora-haproxy-x86_64-ubuntu-24.04-20261121",
        "reasons": [
            {"kind": "base", "text": "newer base 20261120 → 20261121", "counts": True},
            {"kind": "security", "text": "haproxy 2.8.1 → 2.8.2", "counts": True},
            {"kind": "packages", "text": "curl 8.5 → 8.6", "counts": False},
        ],
        "image": {"id": CURRENT, "name": "amphora", "created-at": "2026-11-20T06:00:00+00:00"},
        "base": {"id": "77aa", "name": "noble-20261121", "hash": "a:b", "version": "20261121"},
        "foreign": [{"id": "88bb", "name": "noble", "owner": "e2", "visibility": "shared"}],
        "summary": "build amphora: newer base image",
        "project-id": "e1",
        "tag": "octavia-amphora",
        "fingerprint": "9f",
        "inputs": {},
    }
    document = {"version": 1, "engine": "1.0", "images": [planned]}
    retrofit.answers["plan"] = (0, document, "")

    found = _act(context, dataclasses.replace(state, leader=leader), "plan")

    assert retrofit.asked == [["plan", "--json", "--definitions", str(OWN.state / "request.json")]]
    assert json.loads(found.pop("json")) == document
    assert found == {
        "summary": "build amphora: newer base image",
        "action": "build",
        "reasons": "newer base 20261120 → 20261121; haproxy 2.8.1 → 2.8.2",
        "base": "noble-20261121",
        "image-id": CURRENT,
        "foreign": "88bb",
    }


def test_says_why_there_is_no_plan(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["plan"] = (66, None, "no base image in Glance suits; upload one")

    with pytest.raises(testing.ActionFailed, match="no base image in Glance suits; upload one"):
        _act(context, state, "plan")


def test_shows_the_current_image(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["show"] = (0, SHOWN, "")

    found = _act(context, state, "show-image")

    assert retrofit.asked == [
        ["status", *CLOUD, WORK, "--amp-image-tag=octavia-amphora", "--"],
        ["show", *CLOUD, "--", CURRENT],
    ]
    assert json.loads(found.pop("json")) == SHOWN
    assert found == {
        "image-id": CURRENT,
        "image-name": SHOWN["name"],
        "tags": "octavia-amphora,octavia-diskimage-retrofit",
        "created-at": SHOWN["created-at"],
        "base": "noble",
        "base-hash": "a:b",
        "recipe": "amphora",
        "engine": "1.0",
        "packages": "1",
        "proof-depth": "boot",
        "proof-result": "passed",
        "proof-summary": "41 passed",
    }


def test_shows_a_list_that_is_too_long_for_juju_as_a_number(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    packages = [{"name": "p" * 100, "version": "1"}] * 1000
    retrofit.answers["show"] = (0, SHOWN | {"packages": packages}, "")

    found = _act(context, state, "show-image", image=PREVIOUS)

    assert found["packages"] == "1000"
    assert json.loads(found["json"])["proof"] == SHOWN["proof"]
    assert "packages" not in json.loads(found["json"])


@pytest.mark.parametrize(
    ("given", "compared"),
    [({}, [PREVIOUS, CURRENT]), ({"from_": CURRENT, "to": PREVIOUS}, [CURRENT, PREVIOUS])],
)
def test_compares_the_previous_image_with_the_current_one(
    context: Context,
    state: testing.State,
    retrofit: charm_fakes.Engine,
    given: dict[str, str],
    compared: list[str],
) -> None:
    upgraded = [{"name": f"p{number}", "security": number == 3} for number in range(22)]
    document = {
        "from": {"id": compared[0], "name": "a"},
        "to": {"id": compared[1], "name": "b"},
        "added": [{"name": "curl"}],
        "removed": [],
        "upgraded": upgraded,
        "downgraded": [],
        "differences": [{"what": "base hash", "from": "a", "to": "b"}],
    }
    retrofit.answers["diff"] = (0, document, "")

    found = _act(context, state, "diff-images", **given)

    assert retrofit.asked[-1] == ["diff", *CLOUD, "--", *compared]
    assert (found["from"], found["to"]) == tuple(compared)
    assert (found["added"], found["security"]) == ("curl", "p3")
    assert found["upgraded"].endswith("p18, p19 and 2 more")
    assert found["differences"] == "base hash"
    assert "removed" not in found
    assert json.loads(found["json"]) == document


def test_proves_the_current_image_as_deep_as_the_option_says(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    retrofit: charm_fakes.Engine,
) -> None:
    retrofit.answers["verify"] = (0, PROVED, "")
    retrofit.progress = ("prove at rest: 9.6 s",)

    found = _act(context, state, "verify-image")

    evidence = f"--evidence={OWN.evidence}/{CURRENT}"
    assert retrofit.asked[-1] == [
        *("verify", *CLOUD, WORK, "--depth=boot", evidence, "--", f"glance:{CURRENT}")
    ]
    assert context.action_logs == ["prove at rest: 9.6 s"]
    assert json.loads(found.pop("json")) == PROVED
    assert found == {
        "image-id": CURRENT,
        "depth": "boot",
        "result": "passed",
        "passed": "2",
        "not-applicable": "1",
        "rest-time": "10 s",
        "boot-time": "161 s",
    }
    assert fake.forgotten == [CURRENT]


@pytest.mark.parametrize(
    ("option", "given", "depth"),
    [("traffic", {}, "traffic"), ("off", {}, "boot"), ("off", {"depth": "rest"}, "rest")],
)
def test_proves_as_deep_as_asked(
    context: Context,
    keystone: testing.Relation,
    retrofit: charm_fakes.Engine,
    option: str,
    given: dict[str, str],
    depth: str,
) -> None:
    retrofit.answers["verify"] = (0, PROVED, "")
    state = testing.State(relations=[keystone], config={"proof-depth": option})

    _act(context, state, "verify-image", image=PREVIOUS, **given)

    assert f"--depth={depth}" in retrofit.asked[-1]


def test_names_what_an_image_fails(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    retrofit: charm_fakes.Engine,
) -> None:
    problem = "glance:2 fails 1 of 3 checks; the first is “agent answers”: no"
    retrofit.answers["verify"] = (4, _failed_proof(), problem)

    with pytest.raises(testing.ActionFailed) as failed:
        _act(context, state, "verify-image")

    assert failed.value.message == f"{problem}; evidence in {OWN.evidence}/{CURRENT}"
    assert context.action_results is not None
    assert context.action_results["failed"] == "agent answers"
    assert fake.forgotten == []


def test_passes_on_what_stands_in_the_way_of_a_proof(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["verify"] = (72, None, "the program qemu is not installed; install it")

    with pytest.raises(testing.ActionFailed, match="the program qemu is not installed"):
        _act(context, state, "verify-image")


@pytest.mark.parametrize("action", ["verify-image", "rollback-image"])
def test_keeps_out_of_the_way_of_a_build(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    retrofit: charm_fakes.Engine,
    action: str,
) -> None:
    fake.running = True
    fake.play = [charm_fakes.nothing] * 3

    with pytest.raises(testing.ActionFailed, match="a build is running already"):
        _act(context, state, action)

    assert retrofit.asked == []


@pytest.mark.parametrize("action", ["show-image", "diff-images", "verify-image"])
def test_says_that_there_is_no_image_yet(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine, action: str
) -> None:
    retrofit.answers["status"] = (0, {"current": None, "former": None}, "")

    with pytest.raises(testing.ActionFailed, match="no (current|previous) image is available"):
        _act(context, state, action)


@pytest.mark.parametrize("given", ["amphora", "../../etc", "--help"])
def test_takes_nothing_but_ids(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine, given: str
) -> None:
    with pytest.raises(testing.ActionFailed, match="is not the ID of an image"):
        _act(context, state, "verify-image", image=given)

    assert retrofit.asked == []


def test_refuses_without_credentials(context: Context, retrofit: charm_fakes.Engine) -> None:
    with pytest.raises(testing.ActionFailed, match="missing relation identity-credentials"):
        _act(context, testing.State(leader=True), "show-image")

    assert retrofit.asked == []


def test_only_the_leader_rolls_back(
    context: Context, keystone: testing.Relation, retrofit: charm_fakes.Engine
) -> None:
    state = testing.State(relations=[keystone], leader=False)

    with pytest.raises(testing.ActionFailed, match="run this action on the leader"):
        _act(context, state, "rollback-image")

    assert retrofit.asked == []


def test_says_where_octavias_image_is_after_a_rollback(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    retrofit: charm_fakes.Engine,
) -> None:
    fake.record(outcome="failed", message="the newest image fails")
    current = {"id": PREVIOUS, "name": "amphora-1", "created-at": charm_fakes.hours_ago(50)}
    document = {"current": current, "rolled-back": {"id": CURRENT}, "rivals": []}
    retrofit.answers["rollback"] = (0, document, "")

    out = context.run(context.on.action("rollback-image"), state)

    assert retrofit.asked == [["rollback", *CLOUD, WORK, "--amp-image-tag=octavia-amphora", "--"]]
    assert context.action_results == {
        "image-id": PREVIOUS,
        "image-name": "amphora-1",
        "rolled-back": CURRENT,
        "json": json.dumps(document, separators=(",", ":")),
    }
    assert out.unit_status == ops.ActiveStatus(
        "amphora-1 built 2 days ago, rolled back to it just now"
    )


def test_says_that_there_is_nothing_to_go_back_to(
    context: Context,
    state: testing.State,
    fake: charm_fakes.Workload,
    retrofit: charm_fakes.Engine,
) -> None:
    retrofit.answers["rollback"] = (66, None, "no image is available to roll back to")

    with pytest.raises(testing.ActionFailed, match="no image is available to roll back to"):
        _act(context, state, "rollback-image")

    assert fake.last is None


@pytest.mark.parametrize("dry", [True, False])
def test_prunes_when_told(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine, dry: bool
) -> None:
    document = {
        "hidden": [{"id": PREVIOUS, "name": "amphora-1", "reason": "3 newer images are kept"}],
        "deleted": [],
        "kept": [{"id": CURRENT, "name": "amphora-0", "reason": "server 4f uses it"}],
        "problem": "",
    }
    retrofit.answers["prune"] = (0, document, "")

    found = _act(context, state, "prune-images", **({} if dry else {"dry-run": False}))

    options = ["--amp-image-tag=octavia-amphora", "--keep=3", *([] if dry else ["--yes"])]
    assert retrofit.asked == [["prune", *CLOUD, WORK, *options, "--"]]
    assert json.loads(found.pop("json")) == document
    assert found == {"hidden": PREVIOUS, "kept": CURRENT}


def test_tells_what_was_done_although_something_kept_the_rest_from_it(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    hidden = [{"id": PREVIOUS, "name": "amphora-1", "reason": "3 newer images are kept"}]
    document = {"hidden": hidden, "deleted": [], "kept": [], "problem": "Nova is away"}
    retrofit.answers["prune"] = (69, document, "no image is deleted: Nova is away")

    with pytest.raises(testing.ActionFailed, match="Nova is away"):
        _act(context, state, "prune-images", **{"dry-run": False})

    assert context.action_results is not None
    assert context.action_results["hidden"] == PREVIOUS


def test_prunes_on_the_leader_only(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["prune"] = (0, {"hidden": [], "deleted": [], "kept": []}, "")
    other = dataclasses.replace(state, leader=False)

    _act(context, other, "prune-images")
    with pytest.raises(testing.ActionFailed, match="run this action on the leader"):
        _act(context, other, "prune-images", **{"dry-run": False})

    assert len(retrofit.asked) == 1


ROLLED_OUT = {
    "done": True,
    "current": False,
    "load-balancers": 3,
    "outdated": 1,
    "images": [
        {"id": CURRENT, "name": "b", "tag": "octavia-amphora", "current": True, "amphorae": 4},
        {"id": PREVIOUS, "name": "a", "tag": "octavia-amphora", "current": False, "amphorae": 1},
    ],
    "balancers": [{"id": "lb1", "state": "left"}, {"id": "lb2", "state": "current"}],
}


@pytest.mark.parametrize("dry", [True, False])
def test_rolls_out_when_told(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine, dry: bool
) -> None:
    retrofit.answers["rollout"] = (0, ROLLED_OUT, "")
    retrofit.progress = ("web: 2 amphorae replaced, 310.2 s",)
    told = {} if dry else {"dry-run": False, "max-parallel": 5, "pause": 60}

    found = _act(context, state, "rollout-image", **told)

    limits = ["--max-parallel=1", "--pause=0"] if dry else ["--max-parallel=5", "--pause=60"]
    options = ["--amp-image-tag=octavia-amphora", *limits, "--timeout=1800"]
    options += [] if dry else ["--yes"]
    assert retrofit.asked == [["rollout", *CLOUD, WORK, *options, "--"]]
    assert context.action_logs == ["web: 2 amphorae replaced, 310.2 s"]
    assert json.loads(found.pop("json")) == ROLLED_OUT
    assert found == {
        "load-balancers": "3",
        "outdated": "1",
        "images": f"4 on {CURRENT} (current), 1 on {PREVIOUS}",
        "left": "lb1",
    }


def test_tells_what_runs_although_a_rollout_was_stopped(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["rollout"] = (6, ROLLED_OUT, "load balancer lb1 did not come back")

    with pytest.raises(testing.ActionFailed, match="lb1 did not come back"):
        _act(context, state, "rollout-image", **{"dry-run": False})

    assert context.action_results is not None
    assert context.action_results["outdated"] == "1"


def test_rolls_out_on_the_leader_only(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    retrofit.answers["rollout"] = (0, ROLLED_OUT, "")
    other = dataclasses.replace(state, leader=False)

    _act(context, other, "rollout-image")
    with pytest.raises(testing.ActionFailed, match="run this action on the leader"):
        _act(context, other, "rollout-image", **{"dry-run": False})

    assert len(retrofit.asked) == 1


@pytest.mark.parametrize("action", ["rollback-image", "rollout-image", "show-image"])
def test_knows_no_current_image_without_octavias_tag(
    context: Context, keystone: testing.Relation, retrofit: charm_fakes.Engine, action: str
) -> None:
    with pytest.raises(testing.ActionFailed, match="set amp-image-tag"):
        _act(context, testing.State(relations=[keystone], leader=True), action)

    assert retrofit.asked == []
