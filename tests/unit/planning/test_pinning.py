"""Plans in files, and what becomes of them when something changes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.provenance import records
from tests.support.publishing import publishing

from retrofit import errors, model
from retrofit.base_images import files, selection
from retrofit.model import findings, reasons
from retrofit.planning import fingerprint, plan, plan_files, run_request
from retrofit.provenance import marks
from retrofit.publishing import file_target
from retrofit.runs import one

PROJECT = "e1b0"
OPENSSL = reasons.Change("openssl", "1", "2")


def _wanted(**request: Any) -> plan.Wanted:
    inputs = fingerprint.inputs(
        base=records.BASE.content_hash,
        elements={"sos": "b2" * 32},
        releases={},
        request=model.BuildRequest("amphora", **request),
    )
    return plan.Wanted(records.BASE, inputs, "octavia-amphora", findings.Depth.OFF)


def _up_to_date(wanted: plan.Wanted, **changes: Any) -> plan.Plan:
    image = records.image({marks.FINGERPRINT: wanted.fingerprint}, **changes)
    return plan.decide(wanted, records.own([image]), [])


def _secure(*changes: reasons.Change) -> plan.Plan:
    return plan.with_packages(_up_to_date(_wanted()), updates=(), security=changes)


def _written(place: pathlib.Path, planned: plan.Plan) -> pathlib.Path:
    untrusted = selection.UntrustedImage("f0", "noble", "theirs", "shared")
    image = plan_files.pin("request", planned, PROJECT, [untrusted])
    path = place / "plan.json"
    path.write_text(plan_files.write([image]))
    return path


def test_a_plan_is_read_back_as_it_was_written(tmp_path: pathlib.Path) -> None:
    path = _written(tmp_path, _secure(OPENSSL))

    pinned = plan_files.read(path, "request")

    assert pinned.action is reasons.Action.BUILD
    assert pinned.base_image == dataclasses.replace(
        model.BaseImage(),
        id=records.BASE.id,
        name=records.BASE.name,
        content_hash=records.BASE.content_hash,
        version_name=records.BASE.version_name,
    )
    assert pinned.packages == {"openssl": "2"}
    assert [image.owner for image in pinned.untrusted] == ["theirs"]
    plan_files.check(pinned, _secure(OPENSSL), PROJECT)
    assert json.loads(path.read_text())["images"][0]["reasons"][0] == {
        "kind": "security",
        "text": "security updates: openssl 1 → 2",
        "counts": True,
        "changes": [{"name": "openssl", "before": "1", "after": "2"}],
    }


@pytest.mark.parametrize(
    ("now", "project", "why"),
    [
        (lambda: _secure(OPENSSL), "other", "it is for project e1b0, but this is project other"),
        (
            lambda: _up_to_date(_wanted(root_size=5)),
            PROJECT,
            "changed since: root-size",
        ),
        (
            lambda: _up_to_date(_wanted(), id="another"),
            PROJECT,
            f"the current image is another now, not {records.image({}).id}",
        ),
        (
            lambda: _secure(dataclasses.replace(OPENSSL, after="3")),
            PROJECT,
            "the archives now have other versions of openssl",
        ),
        (
            lambda: plan.decide(dataclasses.replace(_wanted(), force=True), records.own([]), []),
            PROJECT,
            "the current image is none now",
        ),
    ],
    ids=["cloud", "option", "image", "archive", "gone"],
)
def test_an_outdated_plan(
    tmp_path: pathlib.Path, now: Callable[[], plan.Plan], project: str, why: str
) -> None:
    pinned = plan_files.read(_written(tmp_path, _secure(OPENSSL)), "request")

    with pytest.raises(errors.PlanOutdated, match=f"for request is outdated: .*{why}") as raised:
        plan_files.check(pinned, now(), project)

    assert raised.value.exit_code == 5
    assert "plan again" in raised.value.hint


def test_a_plan_is_none_for_a_file(tmp_path: pathlib.Path) -> None:
    pinned = plan_files.read(_written(tmp_path, _secure(OPENSSL)), "request")
    request = run_request.RunRequest(
        source=files.Wanted(tmp_path / "in"),
        target=file_target.FileTarget(tmp_path / "out"),
        build=model.BuildRequest("amphora"),
    )

    with pytest.raises(errors.ConfigError, match="the target is the file"):
        one.run(request, publishing.Silent(), pin=pinned)


def test_a_plan_that_would_do_something_else_now(tmp_path: pathlib.Path) -> None:
    pinned = plan_files.read(_written(tmp_path, _up_to_date(_wanted())), "request")
    forced = plan.decide(
        dataclasses.replace(_wanted(), force=True),
        records.own([records.image({marks.FINGERPRINT: "f"})]),
        [],
    )
    now = dataclasses.replace(forced, image=_up_to_date(_wanted()).image)

    with pytest.raises(
        errors.PlanOutdated, match="its action is none, but now it would be: build"
    ):
        plan_files.check(pinned, now, PROJECT)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"version": 2},
            errors.NewerDocument,
            "plan.json has version 2, but .* up to 1; upgrade",
        ),
        ({"engine": "0"}, errors.PlanOutdated, "is from version 0 of this program, but this is"),
        ({"images": []}, errors.ConfigError, "does not contain request, only nothing"),
        ({"images": [{}]}, errors.ConfigError, r"is not a plan: images\.0\.name: field required"),
    ],
    ids=["format", "engine", "image", "key"],
)
def test_a_file_that_is_no_plan_of_this(
    tmp_path: pathlib.Path,
    change: dict[str, Any],
    error: type[errors.RetrofitError],
    message: str,
) -> None:
    path = _written(tmp_path, _secure(OPENSSL))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(error, match=message):
        plan_files.read(path, "request")


@pytest.mark.parametrize("text", ["", "[]", "null", "no plan"])
def test_a_file_that_is_no_plan_at_all(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)

    with pytest.raises(errors.ConfigError, match=re.escape(f"{path} is not a plan")):
        plan_files.read(path, "request")


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputMissing, match="cannot read the plan"):
        plan_files.read(tmp_path / "plan.json", "request")
