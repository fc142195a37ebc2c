"""Proves images at rest by the command, and looks at what that leaves."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from .. import scratch
from ..cli import command

FAILED = 4
_VERIFY = ("verify", "--depth", "rest", "--json", "--work-dir")


@dataclasses.dataclass(frozen=True)
class Verified:
    """What ``retrofit verify`` said."""

    code: int
    error: str
    outcomes: dict[str, str]
    evidence: dict[str, str]

    @property
    def failed(self) -> dict[str, str]:
        """Evidence of the checks that failed."""
        return {
            name: self.evidence[name]
            for name, outcome in self.outcomes.items()
            if outcome == "fail"
        }


def verify(image: pathlib.Path, *options: str) -> Verified:
    """Prove an image at rest, which changes nothing in it and leaves nothing beside it."""
    before = _state(image)
    with scratch.directory("verify") as directory:
        work, files = directory / "work", directory / "files"
        for one in (work, files):
            one.mkdir()
        arguments = [*_VERIFY, work, image, *options]
        with command.started(arguments, cwd=files, work=work) as running:
            outcome = running.end()
    assert outcome.left == ()
    assert _state(image) == before
    checks = json.loads(outcome.stdout)["checks"] if outcome.stdout else []
    return Verified(
        outcome.code,
        outcome.line if outcome.code else "",
        {one["check"]: one["outcome"] for one in checks},
        {one["check"]: one["evidence"] for one in checks},
    )


def _state(image: pathlib.Path) -> tuple[int, ...]:
    """Return what changes when somebody writes to a file; to hash the raw ones takes minutes."""
    status = image.stat()
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
