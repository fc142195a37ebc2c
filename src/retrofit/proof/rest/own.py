"""Operator's check of an image at rest: a script that runs on its files."""

from __future__ import annotations

import collections
import platform

from ... import errors
from ...host import files
from ...host.sandbox import cells
from ...model import architectures, findings
from .. import own_checks, subject

_PLACE = "/tmp"
# Nobody knows what a script prints.
_LINES = 200
_LONGEST_LINE = 4096


def own(check: own_checks.OwnCheck) -> subject.Check:
    """Return the check that runs a script in a cell whose root are the image's files.

    It can change nothing of them and reaches no network.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        architecture = image.layout.release.architecture
        if architecture != architectures.debian_architecture(platform.machine()):
            return findings.not_applicable(f"programs for {architecture} do not run here")
        script = image.work / f"check-{check.name}"
        files.write(script, check.script, mode=0o755)
        place = f"{_PLACE}/{check.name}"
        bind = cells.Bind(script, place)
        cell = cells.Cell(image.tree, image.work, binds=(bind,), writable=False)
        printed: collections.deque[str] = collections.deque(maxlen=_LINES)

        def line(text: str) -> None:
            printed.append(text[:_LONGEST_LINE])

        argv = [place, str(findings.Depth.REST)]
        try:
            completed = cell.run(argv, timeout_s=own_checks.TIMEOUT_S, on_line=line, check=False)
            status = completed.returncode
        except errors.CommandError:
            status = own_checks.TOO_LONG
        outcome = own_checks.Outcome(status, "\n".join(printed))
        return own_checks.judged(check, findings.Depth.REST, outcome, image.evidence)

    return subject.Check(check.finding, look)
