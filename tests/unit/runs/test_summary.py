"""What the result of a run for several images says."""

import json
import pathlib
from typing import Any

import pytest

from retrofit import errors, model
from retrofit.cli import reporting
from retrofit.model.documents import run_document
from retrofit.runs import history, summary

_SHADOWING = {"id": "9f", "amp-image-owner-id": "p2"}


def _state(outcome: str) -> run_document.Result:
    usual = {
        "outcome": outcome,
        "exit-code": {"failed": 69, "up-to-date": 3}.get(outcome, 0),
        "message": f"it is {outcome}",
        "hint": "do something" if outcome == "failed" else "",
        "duration-s": 2.0,
        "image": {"id": "1a", "name": "amphora"},
        "reasons": [{"kind": "base", "text": "newer base"}],
        "rivals": [_SHADOWING] if outcome == "up-to-date" else [],
        "foreign": [],
        "steps": [{"name": "unpack", "wall-s": 1.0}],
    }
    return run_document.Result.model_validate(usual)


def _finish(path: pathlib.Path, *outcomes: str) -> dict[str, Any]:
    names = [f"image-{number}" for number in range(len(outcomes))]
    together = summary.Summary(path, names, reporting.Lines(), reporting.say)
    together.name("r1", model.Trigger.ACTION)
    for name, outcome in zip(names, outcomes, strict=True):
        if outcome != "waiting":
            together.note(name, _state(outcome))
    with together.until_it_ends():
        together.finish()
    return _read(path)


def _read(path: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "result.json"


def test_something_was_made(path: pathlib.Path, capsys: pytest.CaptureFixture[str]):
    result = _finish(path, "up-to-date", "published", "tagged")

    assert (result["outcome"], result["exit-code"]) == ("published", 0)
    assert result["message"] == "3 images: 1 up-to-date, 1 published, 1 tagged"
    assert result["step"] == "3 of 3 images"
    assert [reason["text"] for reason in result["reasons"]] == [
        "image-1: newer base",
        "image-2: newer base",
    ]
    assert [each["id"] for each in result["rivals"]] == ["9f"]
    assert result["images"][1]["image"]["id"] == "1a"
    assert result["images"][1]["steps"][0]["name"] == "unpack"
    assert capsys.readouterr().err.splitlines() == [
        "image-0: it is up-to-date",
        "image-1: published 1a amphora, 2 s",
        "image-2: tagged 1a amphora, 2 s",
    ]
    (entry,) = history.read(history.beside(path))
    assert (entry.outcome, entry.run_id) == ("published", "r1")
    assert entry.why == "image-1: newer base; image-2: newer base"


def test_nothing_was_to_be_done(path: pathlib.Path):
    result = _finish(path, "up-to-date", "up-to-date")

    assert result["message"] == "all 2 images are up to date"
    assert (result["outcome"], result["exit-code"]) == ("up-to-date", 3)
    assert [each["id"] for each in result["rivals"]] == ["9f", "9f"]


def test_some_failed(path: pathlib.Path):
    with pytest.raises(errors.Several) as caught:
        _finish(path, "published", "failed", "waiting")

    assert caught.value.exit_code == 69
    result = _read(path)
    assert (result["outcome"], result["exit-code"]) == ("failed", 69)
    assert result["message"] == (
        "2 of 3 images failed: image-1: it is failed; do something; image-2: it did not begin"
    )


def test_a_long_story_is_cut(path: pathlib.Path):
    with pytest.raises(errors.Several, match="40 of 40 images failed: .*; 37 more"):
        _finish(path, *["failed"] * 40)


def test_no_file(capsys: pytest.CaptureFixture[str]):
    together = summary.Summary(None, ["a"], reporting.Lines(), reporting.say)
    together.note("a", _state("published"))
    together.finish()

    assert together.result.outcome is run_document.Outcome.PUBLISHED
