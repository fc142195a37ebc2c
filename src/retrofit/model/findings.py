"""Words of a proof: how deep it goes, what each check found, and what that makes of the image."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from typing import Any

from .. import errors
from . import vocabulary


class Depth(vocabulary.Word):
    """How far a proof goes; every depth includes those before it."""

    OFF = "off"
    REST = "rest"
    BOOT = "boot"
    TRAFFIC = "traffic"

    def includes(self, other: Depth) -> bool:
        """Tell whether a proof of this depth covers what one of the other depth does."""
        order = list(Depth)
        return order.index(self) >= order.index(other)


class Firmware(vocabulary.Word):
    """What a machine is started by."""

    BIOS = "bios"
    UEFI = "uefi"
    SECURE_BOOT = "secure-boot"


class Outcome(vocabulary.Word):
    """What a check came to."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        outcome: What it came to.
        evidence: What was seen, in one line; of a failure, what is wrong and where.
    """

    outcome: Outcome
    evidence: str


def passed(evidence: str) -> Verdict:
    """Return that all is as it should be."""
    return Verdict(Outcome.PASS, evidence)


def failed(evidence: str) -> Verdict:
    """Return that something is wrong; the evidence names it."""
    return Verdict(Outcome.FAIL, evidence)


def not_applicable(evidence: str) -> Verdict:
    """Return that there is nothing to check; the evidence says why."""
    return Verdict(Outcome.NOT_APPLICABLE, evidence)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check and its verdict.

    Attributes:
        check: Name of the check: words in lower case, such as ``agent answers``.
        depth: The depth that the check belongs to.
        verdict: What it found.
    """

    check: str
    depth: Depth
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Proof:
    """All that was found of an image.

    Attributes:
        depth: The depth that was asked for; where a check failed, later depths were not begun.
        findings: One per check, in the order of checking.
        accelerated: Whether machines ran under KVM; ``None`` where none was started.
        machine: What machines had, as pairs of a word and a value; empty where none was started.
        ended: When the proof ended.
        seconds: Elapsed seconds of each depth that was begun, in order.
    """

    depth: Depth
    findings: tuple[Finding, ...]
    accelerated: bool | None
    machine: tuple[tuple[str, str], ...]
    ended: datetime.datetime
    seconds: tuple[tuple[Depth, float], ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(
            finding for finding in self.findings if finding.verdict.outcome is Outcome.FAIL
        )

    @property
    def passed(self) -> bool:
        """Whether at least one check was made and none failed."""
        return bool(self.findings) and not self.failures


def as_json(proof: Proof) -> dict[str, Any]:
    """Return a proof in JSON's types: what ``--json``, result files and kept evidence hold."""
    return {
        "depth": proof.depth.value,
        "result": "passed" if proof.passed else "failed",
        "accelerated": proof.accelerated,
        "machine": dict(proof.machine),
        "ended": proof.ended.isoformat(timespec="seconds"),
        "seconds": {depth.value: spent for depth, spent in proof.seconds},
        "checks": [
            {
                "check": finding.check,
                "depth": finding.depth.value,
                "outcome": finding.verdict.outcome.value,
                "evidence": finding.verdict.evidence,
            }
            for finding in proof.findings
        ],
    }


def summary(proof: Proof) -> str:
    """Return in one line how a proof went: how many checks, or which of them failed."""
    if proof.failures:
        return "failed: " + ", ".join(finding.check for finding in proof.failures)
    outcomes = [finding.verdict.outcome for finding in proof.findings]
    idle = outcomes.count(Outcome.NOT_APPLICABLE)
    text = f"{outcomes.count(Outcome.PASS)} passed"
    return f"{text}, {idle} not applicable" if idle else text


def refusal(
    proof: Proof, what: str, *, kept: pathlib.Path | None, image_id: str = "", image_name: str = ""
) -> errors.ProofFailed:
    """Return the error that says which checks an image has failed, and where to look.

    Args:
        proof: One that failed.
        what: The image.
        kept: Where the evidence is; ``None`` if none was kept.
        image_id: Its identifier, where it is kept in Glance.
        image_name: Its name there.
    """
    failed = ", ".join(finding.check for finding in proof.failures)
    message = f"{what} fails {len(proof.failures)} of {len(proof.findings)} checks: {failed}"
    if image_id:
        message += f"; it stays in Glance as {image_id}, without tags"
    return errors.ProofFailed(
        message,
        hint=f"see {kept}" if kept else "to keep the evidence next time, use --evidence DIR",
        details=tuple(f"{fault.check}: {fault.verdict.evidence}" for fault in proof.failures),
        proof=as_json(proof),
        image_id=image_id,
        image_name=image_name,
    )
