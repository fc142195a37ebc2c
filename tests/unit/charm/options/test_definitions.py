"""Several images that the charm's option image-definitions names."""

from __future__ import annotations

import datetime
import json
import pathlib
from typing import Any

import ops
import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from options import config, request
from retrofit import model
from retrofit.definitions import expansion
from retrofit.host import calendars
from retrofit.model.documents import run_document
from retrofit.publishing import glance_target
from workload import due, execution_condition, names, results, schedule

Context = testing.Context[charm.RetrofitCharm]

_DEFINITIONS = """\
defaults:
  depth: rest
images:
- name: amphora
  releases: [jammy, noble]
  tags: ["amphora-{release}"]
- name: weekly
  formats: [raw]
  tags: [weekly]
  schedule: weekly
  keep: 7
"""
_NAMES = ("amphora-jammy", "amphora-noble", "weekly-raw")
OWN = names.Names("r/0")
# A Saturday.
_NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
_HOUR = datetime.timedelta(hours=1)


def _state(keystone: testing.Relation, **options: Any) -> testing.State:
    named: dict[str, Any] = {name.replace("_", "-"): value for name, value in options.items()}
    return testing.State(relations=[keystone], leader=True, config=named)


def _write(state: pathlib.Path) -> tuple[expansion.Image, ...]:
    """Write the request of the definitions; return its images."""
    options = config.load({"image-definitions": _DEFINITIONS, "ubuntu-mirror": "http://m.example"})
    document = request.compute(
        options,
        proxies=model.Proxies(),
        ca_certificate="",
        directories={"evidence": pathlib.Path("/evidence")},
    )
    path = state / "request.json"
    path.write_text(json.dumps(document))
    return expansion.read(path)


def test_the_engine_takes_them(tmp_path: pathlib.Path) -> None:
    first, _, last = images = _write(tmp_path)

    assert tuple(image.name for image in images) == _NAMES
    assert [image.schedule for image in images] == ["daily", "daily", "weekly"]
    assert {image.request.build.archives.mirror for image in images} == {"http://m.example"}
    # What is defined comes before the plain options, but never the way to the cloud.
    assert {image.request.proof.depth for image in images} == {"rest"}
    assert {image.request.cloud.name for image in images} == {request.CLOUD}
    keep = [getattr(image.request.target, "keep", None) for image in (first, last)]
    assert keep == [glance_target.KEEP, 7]


def test_a_wrong_one_blocks_the_unit(context: Context, keystone: testing.Relation) -> None:
    text = _DEFINITIONS.replace("jammy", "jamy")

    out = context.run(context.on.config_changed(), _state(keystone, image_definitions=text))

    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert out.unit_status.message.startswith(
        "wrong option image-definitions:5: 'jamy' is not a release of ubuntu that the recipe "
        "supports; allowed: focal and later releases"
    )


def test_there_is_one_timer_for_all_schedules(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    options = {"image_definitions": _DEFINITIONS, "auto_retrofit": True}

    context.run(context.on.config_changed(), _state(keystone, **options))

    assert fake.timer == "daily, weekly"


def test_a_change_of_them_asks_for_a_run(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    options = {"image_definitions": _DEFINITIONS, "auto_retrofit": True}
    context.run(context.on.config_changed(), _state(keystone, **options))
    assert not fake.runs
    for change in ("keep: 8", "schedule: hourly"):
        key = change.partition(":")[0]
        line = next(line for line in _DEFINITIONS.splitlines() if key in line).strip()
        changed = options | {"image_definitions": _DEFINITIONS.replace(line, change)}
        context.run(context.on.config_changed(), _state(keystone, **changed))
        assert not fake.runs, "the images are the same"

    changed = options | {"image_definitions": _DEFINITIONS.replace("jammy, ", "")}
    context.run(context.on.config_changed(), _state(keystone, **changed))

    assert [run["trigger"] for run in fake.runs] == ["option"]


class TestDue:
    @pytest.fixture
    def state(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
        monkeypatch.setattr(names, "STATES", tmp_path)
        monkeypatch.setattr(schedule, "now", lambda: _NOON)
        monkeypatch.setattr(execution_condition, "_is_leader", lambda *_: True)
        monkeypatch.setattr(schedule.Schedule, "arrange", lambda _: None)
        OWN.state.mkdir()
        _write(OWN.state)
        return OWN.state

    def _begin(self, state: pathlib.Path) -> tuple[bool, list[str]]:
        """Let a run begin; return whether it may, and at what it looks."""
        plan = schedule.Schedule(OWN, None)
        begun = execution_condition.begin(plan, juju_exec="juju-exec", unit="r/0")
        once = state / "once.json"
        images = json.loads(once.read_text())["images"] if once.exists() else []
        once.unlink(missing_ok=True)
        return begun, images

    def _end(self, state: pathlib.Path, started: datetime.datetime, **outcomes: str) -> None:
        images = [
            {"name": name.replace("_", "-"), "outcome": outcome, "started": started.isoformat()}
            for name, outcome in outcomes.items()
        ]
        result = {"outcome": "published", "started": started.isoformat(), "images": images}
        (state / "result.json").write_text(json.dumps(result))
        execution_condition.ended(schedule.Schedule(OWN, None), result="success", ran=True)

    def test_all_are_at_first(self, state: pathlib.Path) -> None:
        assert self._begin(state) == (True, list(_NAMES))

    def test_each_by_its_own_schedule(self, state: pathlib.Path) -> None:
        made = dict.fromkeys(("amphora_jammy", "amphora_noble", "weekly_raw"), "up-to-date")
        self._end(state, _NOON - _HOUR, **made)
        assert self._begin(state) == (False, [])

        self._end(state, _NOON - 24 * _HOUR, **made)
        assert self._begin(state) == (True, list(_NAMES[:2]))

        self._end(state, _NOON - 8 * 24 * _HOUR, **made)
        assert self._begin(state) == (True, list(_NAMES))

    def test_what_failed_stays_due(self, state: pathlib.Path) -> None:
        made = {"amphora_jammy": "failed", "amphora_noble": "published", "weekly_raw": "tagged"}
        self._end(state, _NOON - _HOUR, **made)

        assert self._begin(state) == (True, ["amphora-jammy"])

    def test_one_schedule_needs_no_list(self, state: pathlib.Path) -> None:
        document = json.loads((state / "request.json").read_text())
        del document["images"][-1]["schedule"]
        (state / "request.json").write_text(json.dumps(document))

        assert due.names(state, _NOON) is None

    @pytest.mark.parametrize("trigger", ["action", "option"])
    def test_whoever_asks_for_all_gets_all(self, state: pathlib.Path, trigger: str) -> None:
        plan = schedule.Schedule(OWN, None)
        plan.ask({"trigger": trigger})

        assert execution_condition.begin(plan, juju_exec="juju-exec", unit="r/0")
        assert "images" not in json.loads((state / "once.json").read_text())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("daily", "2026-11-22 00:00"),
        ("weekly", "2026-11-23 00:00"),
        ("Mon..Fri 03:30 UTC", "2026-11-23 03:30"),
        ("2020-01-01", None),
    ],
)
def test_when_an_expression_comes_next(
    expression: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")

    found = calendars.following(expression, _NOON)

    assert (found and f"{found:%Y-%m-%d %H:%M}") == expected
    if expected:
        monkeypatch.setenv("TZ", "Europe/Berlin")
        elsewhere = calendars.following("2026-12-01 12:00", _NOON)
        assert elsewhere == datetime.datetime(2026, 12, 1, 11, tzinfo=datetime.UTC)


def test_the_status_tells_of_all(
    context: Context, keystone: testing.Relation, fake: charm_fakes.Workload
) -> None:
    result = {
        "outcome": "published",
        "message": "3 images: 2 up-to-date, 1 published",
        "ended": charm_fakes.hours_ago(1),
        "image": {"id": "5f3c", "name": "amphora"},
        "images": [{"name": name, "outcome": "published"} for name in _NAMES],
    }
    shown = run_document.Result.model_validate(result)

    status = results.status(shown, None, datetime.datetime.now(datetime.UTC))

    assert status == "3 images: 2 up-to-date, 1 published, 1 h ago"


class TestActions:
    @pytest.fixture
    def state(self, context: Context, keystone: testing.Relation) -> testing.State:
        before = _state(keystone, image_definitions=_DEFINITIONS)
        return context.run(context.on.relation_changed(keystone), before)

    def test_one_has_to_be_named(
        self, context: Context, state: testing.State, retrofit: charm_fakes.Engine
    ) -> None:
        with pytest.raises(testing.ActionFailed) as caught:
            context.run(context.on.action("rollback-image"), state)
        assert caught.value.message == (
            "definition= must select exactly one of these images: "
            "amphora-jammy, amphora-noble, weekly-raw"
        )
        with pytest.raises(testing.ActionFailed):
            context.run(context.on.action("prune-images", {"definition": "amphora"}), state)
        assert retrofit.asked == []

    def test_images_and_definitions_can_be_built_alone(
        self, context: Context, state: testing.State, fake: charm_fakes.Workload
    ) -> None:
        parameters = {"definition": "amphora", "wait": False}

        context.run(context.on.action("retrofit-image", parameters), state)

        assert [run["images"] for run in fake.runs] == [["amphora"]]

    def test_a_base_image_is_for_one(
        self, context: Context, state: testing.State, fake: charm_fakes.Workload
    ) -> None:
        parameters = {
            "definition": "amphora",
            "source-image": "5f3c77aa-0000-4000-8000-000000000001",
        }
        with pytest.raises(testing.ActionFailed, match="source-image is for one image"):
            context.run(context.on.action("retrofit-image", parameters), state)
        assert not fake.runs
