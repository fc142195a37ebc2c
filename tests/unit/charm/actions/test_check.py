"""The action check, against an engine that answers as told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ops import testing
from tests.unit.charm import charm_fakes

import charm
from workload import names

Context = testing.Context[charm.RetrofitCharm]

OWN = names.Names("octavia-diskimage-retrofit/0")
COMMAND = ["doctor", "--json", f"--work-dir={OWN.work}"]


def _finding(subject: str, check: str, outcome: str, found: str, advice: str = "") -> Any:
    return {
        "subject": subject,
        "check": check,
        "outcome": outcome,
        "found": found,
        "advice": advice,
    }


GOOD = [
    _finding("machine", "memory", "ok", "4.0 of 8.0 GiB are available"),
    _finding("machine", "cache", "ok", "/var/cache"),
    _finding("octavia", "octavia", "not checked", "the catalog has no load balancer service"),
]
BAD = _finding(
    "access",
    "credentials",
    "failed",
    "the credentials are refused",
    "check user, password, project and domains",
)


@pytest.fixture
def state(context: Context, keystone: testing.Relation) -> testing.State:
    """A unit that is ready, and no leader."""
    before = testing.State(relations=[keystone], leader=False)
    return context.run(context.on.relation_changed(keystone), before)


def _answer(retrofit: charm_fakes.Engine, *findings: Any, code: int = 0, problem: str = "") -> Any:
    document = {"ok": not code, "findings": [*findings]} if findings else None
    retrofit.answers["doctor"] = (code, document, problem)
    return document


def _act(context: Context, state: testing.State) -> dict[str, Any]:
    context.run(context.on.action("check"), state)
    return context.action_results or {}


def test_says_a_line_for_each_check(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    document = _answer(retrofit, *GOOD)

    results = _act(context, state)

    assert retrofit.asked == [[*COMMAND, f"--definitions={OWN.state / 'request.json'}"]]
    assert json.loads(results.pop("json")) == document
    assert results == {
        "machine": "memory: ok: 4.0 of 8.0 GiB are available\ncache: ok: /var/cache",
        "octavia": "octavia: not checked: the catalog has no load balancer service",
    }


def test_image_files_are_checked_where_there_are_any(
    context: Context,
    keystone: testing.Relation,
    imports: charm_fakes.ImageFiles,
    retrofit: charm_fakes.Engine,
) -> None:
    before = testing.State(relations=[keystone], config={"image-files": "/srv/images"})
    state = context.run(context.on.config_changed(), before)
    _answer(retrofit, *GOOD)
    line = [*COMMAND, "--only=image-files", "--image-files=/srv/images"]
    failed = _finding("image-files", "image-files", "failed", "it is missing", "check --images")
    retrofit.answers[" ".join(line)] = (8, {"findings": [failed]}, "1 of 1 checks failed")

    with pytest.raises(testing.ActionFailed) as raised:
        _act(context, state)

    assert retrofit.asked == [[*COMMAND, f"--definitions={OWN.state / 'request.json'}"], line]
    # The cloud is asked without the proxies.
    assert retrofit.settings == [None, imports.settings]
    told = "image-files: failed: it is missing; check the option image-files"
    assert raised.value.message == told
    assert context.action_results is not None
    assert context.action_results["image-files"] == told
    assert "memory: ok" in context.action_results["machine"]
    document = json.loads(context.action_results["json"])
    assert document == {"ok": False, "findings": [*GOOD, failed]}


def test_fails_with_the_lines_of_failed_checks_in_the_charm_s_words(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    _answer(retrofit, *GOOD, BAD, code=8, problem="1 of 4 checks failed: credentials")

    with pytest.raises(testing.ActionFailed) as raised:
        _act(context, state)

    line = (
        "credentials: failed: the credentials are refused; check the user that keystone gave on "
        "identity-credentials"
    )
    assert raised.value.message == line
    assert context.action_results is not None
    assert context.action_results["access"] == line
    assert context.action_results["failed"] == "credentials"


def test_without_credentials_only_the_machine_is_checked(
    context: Context, retrofit: charm_fakes.Engine
) -> None:
    _answer(retrofit, *GOOD[:2])

    with pytest.raises(testing.ActionFailed) as raised:
        _act(context, testing.State())

    assert retrofit.asked == [[*COMMAND, "--only=machine"]]
    message = "only the machine was checked: missing relation identity-credentials"
    assert raised.value.message.startswith(message)
    assert context.action_results is not None
    assert "memory: ok" in context.action_results["machine"]


def test_an_engine_that_cannot_check_at_all(
    context: Context, state: testing.State, retrofit: charm_fakes.Engine
) -> None:
    _answer(retrofit, code=70, problem="unexpected KeyError: 'x'; report it")

    with pytest.raises(testing.ActionFailed) as raised:
        _act(context, state)

    assert raised.value.message == "unexpected KeyError: 'x'; report it"
