"""When the cloud is asked, and what is kept of its answers."""

from __future__ import annotations

import datetime
import pathlib

import pytest
from tests.unit.charm.workload import machines
from tests.unit.charm.workload.machines import OWN

from workload import cloud_view, engine

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)


def _view(hours: float, **values: object) -> cloud_view.View:
    return cloud_view.View.model_validate({"settings": "", "asked": NOW - hours * HOUR} | values)


@pytest.mark.parametrize(
    ("view", "due"),
    [
        pytest.param(None, True, id="nothing known"),
        pytest.param(_view(0.5), False, id="known"),
        pytest.param(_view(1.5), True, id="old"),
        pytest.param(_view(-0.5), True, id="from the future"),
        pytest.param(_view(0.5, problem="no"), True, id="something is wrong"),
    ],
)
def test_is_due(view: cloud_view.View | None, due: bool) -> None:
    assert cloud_view.is_due(view, NOW, HOUR) == due


def test_a_good_answer_may_hold_for_good() -> None:
    assert not cloud_view.is_due(_view(10_000), NOW, datetime.timedelta.max)
    assert cloud_view.is_due(_view(0), NOW, datetime.timedelta(0))


@pytest.fixture
def state(machine: machines.Machine) -> pathlib.Path:
    OWN.make_directories()
    (machine.state / "clouds.yaml").write_text("one")
    (machine.state / "request.json").write_text("{}")
    return machine.state


def _program(state: pathlib.Path, body: str) -> pathlib.Path:
    path = state / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('echo \'{"defined": 1, "current": []}\'', ""),
        ('echo \'{"problem": "the region is none (--os-region-name)"}\'', "the region is none"),
        ("echo broken >&2; exit 1", "the cloud could not be asked: program failed with status 1"),
        ("sleep 60", "the cloud could not be asked: program did not end within 1 s"),
    ],
)
def test_keeps_what_is_answered_for_the_settings_of_now(
    state: pathlib.Path, monkeypatch: pytest.MonkeyPatch, body: str, problem: str
) -> None:
    monkeypatch.setattr(engine, "command", lambda _: [str(_program(state, body))])
    monkeypatch.setattr(cloud_view, "_TIMEOUT_S", 1)

    cloud_view.ask(pathlib.Path("/charm"), OWN)

    view = cloud_view.read(state)
    assert view is not None
    assert view.problem.startswith(problem)
    assert bool(view.problem) == bool(problem)
    assert "--" not in view.problem
    (state / "clouds.yaml").write_text("two")
    assert cloud_view.read(state) is None


def test_a_broken_file_is_nothing(state: pathlib.Path) -> None:
    (state / cloud_view.NAME).write_text("{")
    assert cloud_view.read(state) is None
