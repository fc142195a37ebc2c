"""Documents of this release and of others: what an upgrade finds, and what a downgrade does.

The files in written_by_3e53f45 are what that revision's own code wrote.
"""

from __future__ import annotations

import datetime
import json
import pathlib
import shutil
from typing import Any

import pytest

from retrofit import errors
from retrofit.cli import reporting
from retrofit.model import documents
from retrofit.model.documents import plan_document, run_document
from retrofit.planning import plan_files
from retrofit.runs import history, record
from workload import results

FORMER = pathlib.Path(__file__).parent / "written_by_3e53f45"
RESULTS = sorted(set(FORMER.glob("*.json")) - {FORMER / "plan.json"})


def _lost(former: Any, now: Any) -> list[Any]:
    """Return what a document has lost, or says in another way, since it was written."""
    if isinstance(former, dict):
        known = now if isinstance(now, dict) else {}
        return [each for name in former for each in _lost(former[name], known.get(name))]
    if isinstance(former, list):
        known = now if isinstance(now, list) and len(now) == len(former) else [None] * len(former)
        return [each for pair in zip(former, known, strict=True) for each in _lost(*pair)]
    if former == now or (isinstance(former, str) and _time(former) == _time(now)):
        return []
    return [(former, now)]


def _time(text: Any) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_nothing_of_a_former_result_is_lost(path: pathlib.Path) -> None:
    read = documents.parse(run_document.Result, path.read_bytes(), path)

    assert _lost(json.loads(path.read_bytes()), read.as_json()) == []
    assert read.as_json()["version"] == 2
    assert documents.parse(run_document.Result, read.model_dump_json(by_alias=True), "it") == read


def test_nothing_of_a_former_plan_is_lost() -> None:
    path = FORMER / "plan.json"

    read = documents.parse(plan_document.File, path.read_bytes(), path)

    assert _lost(json.loads(path.read_bytes()), read.as_json()) == []
    assert plan_files.read(path, "request").packages == {"openssl": "2"}


def test_an_upgrade_keeps_history_and_the_current_image(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "result.json"
    shutil.copy(FORMER / "up-to-date.json", path)
    shutil.copy(FORMER / "history.jsonl", tmp_path)
    former = [json.loads(line) for line in (FORMER / "history.jsonl").read_text().splitlines()]

    left = results.read(path)
    assert left is not None
    now = datetime.datetime(2026, 8, 1, 8, tzinfo=datetime.UTC)
    assert results.status(left, None, now).startswith("a built 2 h ago, found up to date")
    assert _lost(former, [run.as_json() for run in history.read(tmp_path / "history.jsonl")]) == []

    record.Record(path, reporting.Lines()).fail(errors.Unavailable("no answer"))

    runs = history.read(tmp_path / "history.jsonl")
    assert _lost(former, [run.as_json() for run in runs[:-1]]) == []
    assert runs[-1].message == "no answer"
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["version"] for line in lines] == [2] * (len(former) + 1)


def test_a_former_run_that_was_killed_is_lost(tmp_path: pathlib.Path) -> None:
    shutil.copy(FORMER / "running.json", tmp_path / "result.json")

    history.settle(tmp_path / "result.json")

    (run,) = history.read(tmp_path / "history.jsonl")
    assert (run.outcome, run.step, run.run_id) == (run_document.Outcome.LOST, "customise", "7d21")


@pytest.mark.parametrize(
    ("kind", "text", "newest"),
    [
        (run_document.Result, '{"version": 3, "outcome": "published"}', 2),
        (run_document.Entry, '{"version": 3, "went": "well"}', 2),
        (plan_document.File, '{"version": 2, "images": {}}', 1),
    ],
)
def test_a_newer_one_is_refused_by_name(
    kind: type[documents.Document], text: str, newest: int
) -> None:
    with pytest.raises(errors.NewerDocument) as caught:
        documents.parse(kind, text, "/var/lib/that.json")

    assert caught.value.exit_code == 7
    assert str(caught.value) == (
        f"/var/lib/that.json has version {newest + 1}, but this release supports only versions "
        "up to "
        f"{newest}; upgrade to the release that wrote it, or remove the file"
    )


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", '{"version": "new"}', "\x00"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- pydantic's and json's alike
        documents.parse(run_document.Result, text, "it")


def test_a_newer_history_is_left_as_it_is(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.jsonl"
    newer = '{"version": 3, "went": "well"}\n'
    path.write_text(newer)
    (tmp_path / "result.json").write_text(newer)

    record.Record(tmp_path / "result.json", reporting.Lines()).fail(errors.Unavailable("no"))

    assert path.read_text() == newer
    assert "history.jsonl has version 3" in caplog.text
    written = results.read(tmp_path / "result.json")
    assert written is not None
    assert written.message == "no"
