"""Checks that an operator brings: which are taken, what a machine reports, what that means."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit import errors
from retrofit.definitions import run_definition
from retrofit.model import findings
from retrofit.proof import own_checks, report

_GOOD = "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("name", "script", "problem"),
    [
        ("good", _GOOD, ""),
        ("9.lb_health-2.sh", _GOOD, ""),
        ("a b", _GOOD, "the name of the check 'a b' must be"),
        ("../a", _GOOD, "the name of the check '../a' must be"),
        ("a;b", _GOOD, "the name of the check 'a;b' must be"),
        ("", _GOOD, "the name of the check '' must be"),
        ("a" * 65, _GOOD, "must be of letters"),
        ("plain", "exit 0\n", "the check plain must be a script that begins with #!"),
        ("long", "#!" + "é" * 32768, "the check long must have at most 64 KiB"),
    ],
)
def test_which_are_taken(name: str, script: str, problem: str) -> None:
    found = own_checks.problem(name, script)

    assert problem in found
    assert bool(problem) == bool(found)


def test_a_request_takes_the_same() -> None:
    with pytest.raises(errors.ConfigError, match=r"checks: the check plain must be a script"):
        run_definition.RunDefinition.parse(source="a", target="glance:", checks={"plain": "exit"})


def test_a_check_needs_a_proof() -> None:
    wanted = run_definition.RunDefinition.parse(source="a", target="b", checks={"good": _GOOD})

    with pytest.raises(errors.ConfigError, match="the check good needs a proof"):
        wanted.to_request()


def test_scripts_come_from_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "good").write_text(_GOOD)

    assert own_checks.read([tmp_path / "good"]) == {"good": _GOOD}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"exit 0", "must be a script"), (b"#!\xff", "is no text"), (b"#!" + b"a" * 70000, "64 KiB")],
)
def test_no_script_is_refused(tmp_path: pathlib.Path, content: bytes, problem: str) -> None:
    (tmp_path / "check").write_bytes(content)

    with pytest.raises(errors.UsageError, match=problem):
        own_checks.read([tmp_path / "check"])


def test_a_missing_file_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputMissing, match="cannot read the check .*/missing: No such"):
        own_checks.read([tmp_path / "missing"])


def test_two_of_one_name_are_refused(tmp_path: pathlib.Path) -> None:
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "same").write_text(_GOOD)

    with pytest.raises(errors.UsageError, match="two checks are called same"):
        own_checks.read([tmp_path / "a/same", tmp_path / "b/same"])


def test_a_machine_reports_how_each_ended(tmp_path: pathlib.Path) -> None:
    checks = own_checks.listed(
        {
            "good": '#!/bin/sh\necho "one\ntwo at $1"\n',
            "bad.sh": "#!/bin/sh\necho 'END' >&2\nexit 7\n",
            "silent": "#!/bin/sh\n",
            "nobody": "#!/nowhere/interpreter\n",
        }
    )
    script = own_checks.script(checks).replace("/root/", f"{tmp_path}/")

    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    said = report.parse([*ran.stdout.splitlines(), "end"])
    assert said is not None
    assert said.own["good"] == own_checks.Outcome(0, "one\ntwo at boot")
    assert said.own["bad.sh"] == own_checks.Outcome(7, "END")
    assert said.own["silent"] == own_checks.Outcome(0, "")
    assert said.own["nobody"].status in (126, 127)
    found = {
        each.check: each.verdict for each in own_checks.after_boot(checks, said.own, tmp_path)
    }
    assert found["own check good"] == findings.passed("two at boot")
    assert found["own check bad.sh"] == findings.failed("status 7: END")
    assert found["own check silent"] == findings.passed("status 0")
    assert (tmp_path / "check-good-boot.txt").read_text() == "one\ntwo at boot\n"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("a 0 " + "b25l", own_checks.Outcome(0, "one")),
        ("a 124 ", own_checks.Outcome(124, "")),
        ("a", own_checks.Outcome(-1, "")),
        ("a 0 ?", own_checks.Outcome(0, "")),
        ("a -0 b25l", own_checks.Outcome(-1, "one")),
    ],
)
def test_what_a_machine_says_is_data(line: str, outcome: own_checks.Outcome) -> None:
    assert own_checks.parse(line) == ("a", outcome)


def test_one_that_is_not_reported_fails(tmp_path: pathlib.Path) -> None:
    [found] = own_checks.after_boot(own_checks.listed({"a": _GOOD}), {}, tmp_path)

    assert found.verdict == findings.failed("the machine does not report how it ended")


def test_one_that_takes_too_long_says_so(tmp_path: pathlib.Path) -> None:
    [check] = own_checks.listed({"a": _GOOD})
    outcome = own_checks.Outcome(own_checks.TOO_LONG, "waits\x1b[2J for ever")

    verdict = own_checks.judged(check, findings.Depth.BOOT, outcome, tmp_path)

    assert verdict == findings.failed("took longer than 300 s: waits[2J for ever")
