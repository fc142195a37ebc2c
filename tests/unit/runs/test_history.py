"""The history of runs: what a run adds, what it survives, and how it is shown."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from click import testing
from tests.support.provenance import records

from retrofit import errors, model
from retrofit.cli import history as history_command
from retrofit.cli import main, reporting
from retrofit.model.documents import run_document
from retrofit.publishing import publish
from retrofit.runs import history, one, record

STARTED = "2026-11-21T22:00:00+00:00"


_UP_TO_DATE = one.RunResult(
    run_document.Outcome.UP_TO_DATE,
    (),
    published=publish.described(records.image({}, id="5f3c")),
    message="up to date",
)


def _state(number: int = 0, **values: Any) -> dict[str, Any]:
    return {
        "run-id": f"run-{number}",
        "trigger": "schedule",
        "outcome": "published",
        "exit-code": 0,
        "started": STARTED,
        "ended": "2026-11-21T22:12:00+00:00",
        "duration-s": 720.4,
        "image": {"id": "5f3c", "name": "amphora-haproxy-x86_64", "size": 7},
        "reasons": [{"kind": "base", "text": "newer base image 20261120", "from": "a"}],
        "steps": [{"name": "unpack", "wall-s": 1.0}],
    } | values


def _result(number: int = 0, **values: Any) -> run_document.Result:
    return run_document.Result.model_validate(_state(number, **values))


def test_keeps_the_last_runs(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.jsonl"
    assert history.read(path) == ()

    for number in range(history.KEPT + 3):
        history.add(path, _result(number))

    runs = history.read(path)
    assert [run.run_id for run in runs] == [f"run-{n}" for n in range(3, history.KEPT + 3)]
    assert runs[-1].why == "newer base image 20261120"
    assert runs[-1].image == run_document.Named(id="5f3c", name="amphora-haproxy-x86_64")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("line", ["", "{", "[]", '{"outcome": "published"}', "\x00\x1b"])
def test_a_line_that_says_nothing_does_not_hide_the_others(
    tmp_path: pathlib.Path, line: str
) -> None:
    path = tmp_path / "history.jsonl"
    history.add(path, _result(1))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with path.open("ab") as file:
        file.write(b"\xff\xfe\n")

    history.add(path, _result(2))

    assert [run.run_id for run in history.read(path)] == ["run-1", "run-2"]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_run_is_added_once(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.jsonl"
    history.add(path, _result())

    history.add(path, _result())

    assert len(history.read(path)) == 1


def test_a_run_that_could_not_say_how_it_ended_is_lost(tmp_path: pathlib.Path) -> None:
    result = tmp_path / "result.json"
    history.settle(result)
    result.write_text(json.dumps(_state(outcome="running", step="convert", ended=None)))

    history.settle(result)
    history.settle(result)

    [run] = history.read(tmp_path / "history.jsonl")
    assert (run.outcome, run.step, run.failed) == ("lost", "convert", True)
    assert run.why == "it ended without a result"


@pytest.mark.parametrize("content", ["", "[]", "7", "{}", '{"outcome": "running"}'])
def test_a_result_that_cannot_be_read_keeps_no_run_from_beginning(
    tmp_path: pathlib.Path, content: str
) -> None:
    result = tmp_path / "result.json"
    result.write_text(content)

    history.settle(result)

    assert history.read(tmp_path / "history.jsonl") == ()


def test_runs_add_themselves(tmp_path: pathlib.Path) -> None:
    result = tmp_path / "result.json"
    found = record.Record(result, reporting.Lines())
    found.name("a", model.Trigger.ACTION)
    found.succeed(_UP_TO_DATE)
    lost = record.Record(result, reporting.Lines())
    lost.name("b", model.Trigger.RETRY)
    failed = record.Record(result, reporting.Lines())
    failed.name("c", model.Trigger.OPTION)
    failed.fail(errors.Unavailable("no answer from the mirror", hint="check the proxies"))

    runs = history.read(history.beside(result))

    assert [(run.run_id, run.trigger, run.outcome, run.exit_code) for run in runs] == [
        ("a", "action", "up-to-date", 3),
        ("b", "retry", "lost", None),
        ("c", "option", "failed", 69),
    ]
    assert runs[0].image is not None
    assert runs[0].image.id == "5f3c"
    assert runs[2].why == "no answer from the mirror; check the proxies"


def test_what_a_step_does_is_written_now_and_then(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(record.time, "monotonic", lambda: now)  # type: ignore[attr-defined]
    result = tmp_path / "result.json"

    def kept() -> tuple[str, str]:
        found = json.loads(result.read_text())
        return found["step"], found["doing"]

    state = record.Record(result, reporting.Lines())
    state.step_started("customise")
    seen = []
    for second in range(50):
        now = float(second)
        state.doing(f"package {second}")
        seen.append(kept())
    state.step_started("seal")

    assert list(dict.fromkeys(seen)) == [
        ("customise", ""),
        ("customise", "package 20"),
        ("customise", "package 40"),
    ]
    assert kept() == ("seal", "")


def test_a_history_that_cannot_be_written_changes_no_result(tmp_path: pathlib.Path) -> None:
    result = tmp_path / "result.json"
    (tmp_path / "history.jsonl").mkdir()

    record.Record(result, reporting.Lines()).succeed(_UP_TO_DATE)

    assert json.loads(result.read_text())["outcome"] == "up-to-date"


def test_is_shown_newest_first(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.jsonl"
    history.add(path, _result(1))
    broken = {"outcome": "failed", "message": "no answer", "hint": "check", "image": None}
    history.add(path, _result(2, trigger="retry", **broken))

    shown = testing.CliRunner().invoke(main.retrofit, ["history", str(path)])
    as_json = testing.CliRunner().invoke(main.retrofit, ["history", str(path), "--json"])

    lines = [" ".join(line.split()) for line in shown.output.splitlines()]
    assert lines == [
        "STARTED (UTC) TRIGGER OUTCOME TOOK IMAGE WHY",
        "2026-11-21 22:00:00 retry failed 720 s - no answer; check",
        "2026-11-21 22:00:00 schedule published 720 s amphora-haproxy-x86_64 "
        "newer base image 20261120",
    ]
    [newest, oldest] = json.loads(as_json.output)
    assert (newest["trigger"], newest["duration-s"]) == ("retry", 720.4)
    assert oldest["reasons"] == [{"kind": "base", "text": "newer base image 20261120"}]


def test_names_the_history_that_is_missing(tmp_path: pathlib.Path) -> None:
    run = testing.CliRunner().invoke(main.retrofit, ["history", str(tmp_path / "none.jsonl")])

    assert isinstance(run.exception, errors.InputMissing)
    assert str(tmp_path / "none.jsonl") in str(run.exception)


@pytest.mark.parametrize(
    ("units", "error"),
    [(0, errors.InputMissing), (1, None), (2, errors.UsageError)],
)
def test_without_a_file_it_is_that_of_the_charms_unit(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    units: int,
    error: type[errors.RetrofitError] | None,
) -> None:
    monkeypatch.setattr(history_command, "_CHARM", tmp_path)
    for number in range(units):
        (tmp_path / f"retrofit-{number}").mkdir()
        history.add(tmp_path / f"retrofit-{number}" / "history.jsonl", _result(1))

    run = testing.CliRunner().invoke(main.retrofit, ["history"])

    if error is None:
        assert "published" in run.output
    else:
        assert isinstance(run.exception, error)
        assert str(tmp_path) in f"{run.exception} {run.exception.hint}"
