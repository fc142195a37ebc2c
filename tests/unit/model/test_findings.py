from __future__ import annotations

import datetime
import json
import pathlib
import stat

import pytest

from retrofit import errors
from retrofit.model import findings
from retrofit.model.findings import Depth
from retrofit.proof import evidence


def _proof(*verdicts: findings.Verdict) -> findings.Proof:
    return findings.Proof(
        depth=Depth.BOOT,
        findings=tuple(
            findings.Finding(f"check {number}", Depth.REST, verdict)
            for number, verdict in enumerate(verdicts)
        ),
        accelerated=False,
        machine=(("board", "pc"),),
        ended=datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC),
        seconds=((Depth.REST, 7.1),),
    )


def test_a_depth_includes_those_before_it() -> None:
    included = [
        [wanted for wanted in Depth if depth.includes(wanted)]
        for depth in (Depth.OFF, Depth.REST, Depth.BOOT, Depth.TRAFFIC)
    ]

    assert included == [
        [Depth.OFF],
        [Depth.OFF, Depth.REST],
        [Depth.OFF, Depth.REST, Depth.BOOT],
        list(Depth),
    ]


def test_no_check_is_no_proof() -> None:
    assert not _proof().passed


def test_what_does_not_apply_does_not_fail() -> None:
    proof = _proof(findings.passed("seen"), findings.not_applicable("no such disk"))

    assert proof.passed
    assert findings.summary(proof) == "1 passed, 1 not applicable"


def test_one_failure_fails_all_and_is_named() -> None:
    proof = _proof(findings.passed("seen"), findings.failed("it is not there"))

    assert not proof.passed
    assert [finding.check for finding in proof.failures] == ["check 1"]
    assert findings.summary(proof) == "failed: check 1"


def test_evidence_is_kept_for_its_owner_only(tmp_path: pathlib.Path) -> None:
    gathered, kept = tmp_path / "gathered", tmp_path / "deep" / "kept"
    gathered.mkdir()
    (gathered / "console.log").write_text("Linux version 6\n")
    (gathered / "trap").symlink_to("/etc/passwd")
    proof = _proof(findings.failed("it panics"))

    evidence.keep(gathered, proof, kept)

    assert sorted(path.name for path in kept.iterdir()) == ["checks.json", "console.log"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert json.loads((kept / "checks.json").read_text()) == findings.as_json(proof)


def test_of_an_endless_console_the_end_is_kept(tmp_path: pathlib.Path) -> None:
    gathered, kept = tmp_path / "gathered", tmp_path / "kept"
    gathered.mkdir()
    (gathered / "console.log").write_text("noise\n" * 500_000 + "the end\n")

    evidence.keep(gathered, _proof(findings.failed("it babbles")), kept)

    text = (kept / "console.log").read_text()
    assert len(text) == 2 * 1024 * 1024
    assert text.endswith("noise\nthe end\n")


def test_evidence_that_cannot_be_kept_is_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(errors.OutputError, match=r"cannot save the evidence in .*; set another"):
        evidence.keep(tmp_path, _proof(findings.passed("seen")), tmp_path / "file" / "below")
