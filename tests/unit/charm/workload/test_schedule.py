"""When the next run begins by itself: retries, windows, what was asked for."""

from __future__ import annotations

import datetime
import fcntl
import os
import pathlib
from typing import Any

import pytest

from options import window
from retrofit import errors, model
from retrofit.host import calendars, process
from retrofit.model.documents import run_document
from workload import execution_condition, names, retries, schedule

OWN = names.Names("r/0")
NOW = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)
NIGHT = window.parse("22:00-06:00")
SECOND, MINUTE = datetime.timedelta(seconds=1), datetime.timedelta(minutes=1)


def _runs(*words: str) -> tuple[run_document.Entry, ...]:
    """Return runs from triggers and exit codes, an hour apart, the last one five minutes old."""
    ends = [NOW - 5 * MINUTE - number * 60 * MINUTE for number in range(len(words))][::-1]
    runs = []
    for word, end in zip(words, ends, strict=True):
        trigger, _, code = word.partition(" ")
        outcome = {"0": "published", "3": "up-to-date", "": run_document.Outcome.LOST}.get(
            code, "failed"
        )
        runs.append(
            run_document.Entry(
                run_id=str(len(runs)),
                trigger=model.Trigger(trigger),
                outcome=outcome,
                exit_code=int(code) if code else None,
                started=end - MINUTE,
                ended=end if code else None,
                duration_s=60,
            )
        )
    return tuple(runs)


class Unit:
    """A unit's schedule, and what systemd and Juju are asked.

    Attributes:
        armed: Seconds after which a timer starts the service, if one does.
        delay: Seconds by which chance may delay that.
        asked_juju: How often Juju was asked.
        leads: What ``juju-exec`` prints; ``None`` if nobody answers.
        on_ask: Called when it is asked.
        moment: The present.
    """

    def __init__(self, states: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(names, "STATES", states)
        self.state = OWN.state
        self.state.mkdir()
        self.armed: list[float] = []
        self.delay = 0.0
        self.asked_juju = 0
        self.leads: str | None = "true"
        self.on_ask = lambda: None
        self.moment = NOW
        monkeypatch.setattr(schedule, "now", lambda: self.moment)
        monkeypatch.setattr(process, "run", self._run)

    def plan(self, opening: window.Window | None = None) -> schedule.Schedule:
        return schedule.Schedule(OWN, opening)

    def ask(self, trigger: str, *, ago: datetime.timedelta = 0 * SECOND) -> None:
        self.plan().ask({"trigger": trigger, "run-id": "asked"})
        then = (NOW - ago).timestamp()
        os.utime(self.state / "once.json", (then, then))

    def ran(self, *words: str) -> None:
        lines = (run.model_dump_json(by_alias=True) + "\n" for run in _runs(*words))
        (self.state / "history.jsonl").write_text("".join(lines), encoding="utf-8")

    def begin(self, opening: window.Window | None = None) -> bool:
        return execution_condition.begin(
            self.plan(opening), juju_exec="/usr/bin/juju-exec", unit="r/0"
        )

    def _run(self, argv: list[str], **_: Any) -> process.Completed:
        if argv[0] == "/usr/bin/juju-exec":
            assert argv[1:] == ["-u", "r/0", "is-leader --format json"]
            self.asked_juju += 1
            self.on_ask()
            if self.leads is None:
                raise errors.CommandError("juju-exec did not end within 60 s")
            return process.Completed(tuple(argv), 0, self.leads, ())
        if argv[0] == "systemd-run":
            given = {word.rpartition("=")[0]: word.rpartition("=")[2] for word in argv}
            self.armed.append(float(given["--on-active"]))
            self.delay = float(given["--timer-property=RandomizedDelaySec"])
            assert argv[-4:] == ["systemctl", "start", "--no-block", OWN.service]
        else:
            assert argv == ["systemctl", "stop", f"{OWN.next}.timer"]
            self.armed.clear()
        return process.Completed(tuple(argv), 0, "", ())


@pytest.fixture
def unit(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Unit:
    return Unit(tmp_path, monkeypatch)


# Retries.


@pytest.mark.parametrize(
    ("runs", "minutes"),
    [
        ([], None),
        (["schedule 0"], None),
        (["schedule 3"], None),
        (["schedule 69"], 5),
        (["schedule"], 5),
        (["schedule 143"], 5),
        (["option 70", "retry 70"], 15),
        (["schedule 69", "retry 69", "retry 69"], 45),
        (["schedule 69"] + ["retry 69"] * 3, 135),
        (["schedule 69"] + ["retry 69"] * 4, 360),
        (["schedule 69"] + ["retry 69"] * 49, 360),
        (["schedule 69", "retry 69", "schedule 3", "schedule 69"], 5),
        (["schedule 69", "retry 69", "option 69"], 5),
        (["schedule 69", "retry 69", "action 69", "schedule 69"], 5),
        (["action 69"], None),
        *(([f"schedule {code}"], None) for code in (4, 64, 65, 72, 77, 78, 130)),
    ],
)
def test_a_failed_run_is_tried_again_after_growing_pauses(
    runs: list[str], minutes: int | None
) -> None:
    pause = retries.pause(_runs(*runs))

    assert pause == (None if minutes is None else minutes * MINUTE)


def test_the_end_of_a_failed_run_arranges_another(unit: Unit) -> None:
    unit.ran("schedule 69", "retry 69")

    execution_condition.ended(unit.plan(), result="exit-code", ran=True)

    assert unit.plan().asked() is model.Trigger.RETRY
    assert (unit.armed, unit.delay) == ([10 * 60], 50)


def test_another_attempt_waits_for_the_window(unit: Unit) -> None:
    unit.ran("schedule 69")

    execution_condition.ended(unit.plan(NIGHT), result="exit-code", ran=True)

    assert unit.armed == [10 * 60 * 60]


@pytest.mark.parametrize("last", ["schedule 0", "schedule 78", "action 69"])
def test_other_ends_arrange_nothing(unit: Unit, last: str) -> None:
    unit.ask("retry")
    unit.ran("schedule 69", last)

    execution_condition.ended(unit.plan(), result="success", ran=True)

    assert unit.plan().asked() is None
    assert unit.armed == []


def test_what_an_option_asked_for_during_a_run_follows_it(unit: Unit) -> None:
    unit.ask("option", ago=2 * MINUTE)
    unit.ran("schedule 69")

    execution_condition.ended(unit.plan(), result="exit-code", ran=True)

    assert unit.plan().asked() is model.Trigger.OPTION
    assert unit.armed == [1]


@pytest.mark.parametrize(
    ("trigger", "armed"), [("option", [300]), ("retry", [300]), ("action", []), (None, [])]
)
def test_a_run_that_could_not_begin_is_not_tried_again_at_once(
    unit: Unit, trigger: str | None, armed: list[float]
) -> None:
    unit.ran("schedule 69")
    if trigger:
        unit.ask(trigger, ago=2 * MINUTE)

    execution_condition.ended(unit.plan(), result="exit-code", ran=False)

    assert unit.armed == armed
    assert unit.plan().asked() == trigger


def test_a_run_that_was_not_to_begin_changes_nothing(unit: Unit) -> None:
    unit.ran("schedule 69")
    unit.armed.append(7)

    execution_condition.ended(unit.plan(), result="exec-condition", ran=False)

    assert unit.armed == [7]
    assert unit.plan().asked() is None


def test_nothing_is_tried_again_after_runs_of_a_newer_revision(unit: Unit) -> None:
    newer = '{"version": 9, "outcome": "gone well"}'
    for name in ("result.json", "history.jsonl"):
        (unit.state / name).write_text(newer, encoding="utf-8")
    unit.ask("retry")

    assert unit.plan().due(NOW) == NOW
    execution_condition.ended(unit.plan(), result="success", ran=True)

    assert unit.plan().asked() is None
    assert unit.armed == []
    assert (unit.state / "history.jsonl").read_text(encoding="utf-8") == newer


# When a run is due.


def test_changes_of_options_are_waited_for(unit: Unit) -> None:
    for second in range(20):
        unit.moment = NOW + second * SECOND
        unit.ask("option", ago=-second * SECOND)
        unit.plan().arrange()

    assert unit.armed == [30]
    assert unit.plan().due(NOW + 19 * SECOND) == NOW + 49 * SECOND
    assert unit.plan(NIGHT).due(NOW) == NOW.replace(hour=22)


@pytest.mark.parametrize("trigger", ["option", "retry"])
@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_was_wrong_postpones_nothing(unit: Unit, trigger: str, years: int) -> None:
    unit.ran("schedule 69")
    unit.ask(trigger)
    moment = NOW.replace(year=NOW.year + years)

    due = unit.plan().due(moment)

    assert due is not None
    assert moment <= due <= moment + 5 * MINUTE


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run-id": ""}', '{"trigger": "else"}'])
def test_a_request_of_a_previous_revision_is_one(unit: Unit, content: str) -> None:
    (unit.state / "once.json").write_text(content, encoding="utf-8")

    assert unit.plan().asked() is model.Trigger.SCHEDULE
    assert unit.plan().due(NOW) == NOW


def test_the_present_is_told_in_the_zone_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    zone = pathlib.Path("/usr/share/zoneinfo/Asia/Kolkata")
    monkeypatch.setattr(schedule, "_LOCAL_ZONE", zone)
    assert schedule.now().utcoffset() == 330 * MINUTE

    monkeypatch.setattr(schedule, "_LOCAL_ZONE", tmp_path / "none")
    assert schedule.now().utcoffset() == 0 * MINUTE


# Whether a run may begin.


def test_a_run_begins_on_the_leader_within_the_window(unit: Unit) -> None:
    assert unit.begin()
    assert unit.begin(window.parse("Sat 11:00-13:00"))
    assert unit.armed == []


def test_nothing_begins_by_itself_on_a_paused_unit(unit: Unit) -> None:
    unit.plan().pause()
    # As after a reboot.
    assert unit.plan().paused

    for trigger in ("schedule", "retry", "option"):
        unit.ask(trigger)
        assert not unit.begin()
        assert unit.armed == []
    unit.ask("action")
    assert unit.begin()
    unit.ask("option")
    unit.plan().resume()
    assert unit.begin()


def test_a_run_outside_of_the_window_begins_as_it_opens(unit: Unit) -> None:
    assert not unit.begin(NIGHT)

    assert (unit.armed, unit.delay) == ([10 * 60 * 60], 300)
    assert unit.plan().asked() is model.Trigger.SCHEDULE
    assert not unit.asked_juju


def test_an_option_outside_of_the_window_waits_for_it(unit: Unit) -> None:
    unit.ask("option")

    assert not unit.begin(NIGHT)

    assert unit.plan().asked() is model.Trigger.OPTION
    assert unit.armed == [10 * 60 * 60]


def test_what_an_action_asks_for_waits_neither_for_the_window_nor_for_the_agent(
    unit: Unit,
) -> None:
    unit.leads = None
    unit.ask("action")

    assert unit.begin(NIGHT)
    assert not unit.asked_juju


def test_what_a_deposed_leader_planned_does_not_begin(unit: Unit) -> None:
    unit.leads = "false"

    assert not unit.begin()
    assert unit.armed == []
    assert unit.plan().asked() is None


@pytest.mark.parametrize("answer", [None, "", "perhaps", "1"])
def test_a_run_waits_for_an_agent_that_does_not_answer(unit: Unit, answer: str | None) -> None:
    unit.leads = answer

    assert not unit.begin()
    assert unit.armed == [5 * 60]
    assert unit.plan().asked() is model.Trigger.SCHEDULE


def test_an_action_that_comes_while_the_agent_is_asked_has_its_run(unit: Unit) -> None:
    unit.leads = None
    unit.on_ask = lambda: unit.ask("action")

    assert unit.begin()


@pytest.mark.parametrize("hook_comes_first", [True, False])
def test_a_run_of_an_action_that_was_killed_does_not_begin(
    unit: Unit, hook_comes_first: bool
) -> None:
    unit.ask("action")
    OWN.lock.write_text("asked")

    with OWN.lock.open() as waits:
        fcntl.flock(waits, fcntl.LOCK_EX)
        assert unit.begin(), "the action waits"
    if hook_comes_first:
        unit.plan().arrange()
        assert unit.armed == []
    else:
        assert not unit.begin()

    assert unit.plan().asked() is None


def test_a_run_of_an_action_that_did_not_wait_begins(unit: Unit) -> None:
    unit.ask("action")
    assert unit.begin()

    OWN.lock.write_text("another")
    assert unit.begin()


def test_the_program_tells_systemd(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--unit", "r/0", "--juju-exec", "/usr/bin/juju-exec"]
    assert execution_condition.main(["begin", *words]) == 0
    assert (
        execution_condition.main(["begin", *words, "--window", "22:00-06:00"])
        == execution_condition.NOT_NOW
    )

    unit.ran("schedule 69")
    monkeypatch.setenv("SERVICE_RESULT", "exit-code")
    monkeypatch.setenv("EXIT_CODE", "exited")
    assert execution_condition.main(["ended", *words]) == 0
    assert unit.plan().asked() is model.Trigger.SCHEDULE, "it had been asked for before"


# Calendars.


@pytest.mark.parametrize(
    "expression", ["hourly", "monthly", "Mon..Fri 03:30", "*-*-1,15 4:00 Europe/Berlin"]
)
def test_takes_what_systemd_takes(expression: str) -> None:
    calendars.check(expression)


@pytest.mark.parametrize(
    "expression",
    ["", " ", "fortnightly", "25:00", "2020-01-01", "daily\nUnit=other.service", "--help", "%d"],
)
def test_refuses_what_never_comes(expression: str) -> None:
    with pytest.raises(ValueError, match="or a systemd calendar expression of the future"):
        calendars.check(expression)
