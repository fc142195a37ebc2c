"""Checks that an operator brings: scripts that run in the image at rest and in booted machines.

A script runs in the image's own system, as root, with one word that says when: ``rest`` (in a
cell, on the image's files) or ``boot`` (in a machine that has booted). It passes if it ends with
status 0; what it prints is evidence.
"""

from __future__ import annotations

import base64
import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping

from .. import errors
from ..host import files
from ..model import findings

TIMEOUT_S = 300
# The status of timeout(1) for what took longer.
TOO_LONG = 124
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_LONGEST = 64 * 1024


@dataclasses.dataclass(frozen=True)
class OwnCheck:
    """A check of an operator's.

    Attributes:
        name: Its name.
        script: Text of a program that begins with ``#!``.
    """

    name: str
    script: str

    @property
    def finding(self) -> str:
        """What findings call it."""
        return f"own check {self.name}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a check ended in a machine.

    Attributes:
        status: Its exit status; 124 if it took too long.
        output: The last of what it printed.
    """

    status: int
    output: str


def problem(name: str, script: str) -> str:
    """Return what is wrong with a check; nothing if it can be run."""
    if not re.fullmatch(_NAME, name):
        return f"the name of the check {name!r} must be of letters, digits, hyphens and dots"
    if not script.startswith("#!"):
        return f"the check {name} must be a script that begins with #! and its interpreter"
    if len(script.encode()) > _LONGEST:
        return f"the check {name} must have at most {_LONGEST // 1024} KiB"
    return ""


def read(paths: Iterable[pathlib.Path]) -> dict[str, str]:
    """Return the scripts of files, by the files' names.

    Raises:
        errors.InputMissing: One cannot be read.
        errors.UsageError: One is no script, or two have the same name.
    """
    scripts: dict[str, str] = {}
    for path in paths:
        if path.name in scripts:
            raise errors.UsageError(
                f"two checks are called {path.name}", hint="give one of them another name"
            )
        try:
            with path.open("rb") as file:
                text = file.read(_LONGEST + 1).decode()
        except OSError as error:
            raise errors.InputMissing(
                f"cannot read the check {path}: {error.strerror}", hint="name a script"
            ) from error
        except UnicodeDecodeError as error:
            raise errors.UsageError(
                f"the check {path} is no text", hint="a check is a script that begins with #!"
            ) from error
        wrong = problem(path.name, text)
        if wrong:
            raise errors.UsageError(wrong, hint=f"see {path}")
        scripts[path.name] = text
    return scripts


def listed(scripts: Mapping[str, str]) -> tuple[OwnCheck, ...]:
    """Return scripts by their names as checks."""
    return tuple(OwnCheck(name, script) for name, script in scripts.items())


def after_boot(
    wanted: Iterable[OwnCheck], ended: Mapping[str, Outcome], evidence: pathlib.Path
) -> Iterator[findings.Finding]:
    """Return what the checks came to in a machine.

    Args:
        wanted: The checks.
        ended: How they ended there, by their names.
        evidence: Directory in which what each printed stays, as ``check-NAME-boot.txt``.
    """
    depth = findings.Depth.BOOT
    for check in wanted:
        outcome = ended.get(check.name)
        if outcome is None:
            verdict = findings.failed("the machine does not report how it ended")
        else:
            verdict = judged(check, depth, outcome, evidence)
        yield findings.Finding(check.finding, depth, verdict)


def script(checks: Iterable[OwnCheck]) -> str:
    """Return the lines of a shell script that runs checks in a machine and reports on each.

    Each is reported as a line ``check NAME STATUS OUTPUT``, of which the last word is the base64
    of the last that it printed.
    """
    words = "".join(
        f"check {each.name} <<'END'\n{_encoded(each.script)}\nEND\n" for each in checks
    )
    return f"{_SCRIPT}{words}" if words else ""


def parse(rest: str) -> tuple[str, Outcome]:
    """Return name and outcome of what follows ``check`` in a line of the report."""
    name, _, tail = rest.partition(" ")
    status, _, output = tail.partition(" ")
    try:
        printed = base64.b64decode(output, validate=True).decode(errors="replace")
    except ValueError:
        printed = ""
    return name, Outcome(int(status) if status.isdigit() else -1, printed.strip())


def judged(
    check: OwnCheck, depth: findings.Depth, outcome: Outcome, evidence: pathlib.Path
) -> findings.Verdict:
    """Return what an outcome means, and leave what was printed in the evidence.

    It is the file ``check-NAME-DEPTH.txt``.
    """
    files.write(evidence / f"check-{check.name}-{depth}.txt", outcome.output + "\n", mode=0o600)
    # A script may print what it likes.
    lines = ["".join(filter(str.isprintable, line)) for line in outcome.output.splitlines()]
    last = next((line for line in reversed(lines) if line.strip()), "")
    if outcome.status == 0:
        return findings.passed(last or "status 0")
    how = f"took longer than {TIMEOUT_S} s" if outcome.status == TOO_LONG else ""
    how = how or f"status {outcome.status}"
    return findings.failed(f"{how}: {last}" if last else how)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# Some systems let nothing be run from /tmp, /var/tmp or /run.
_SCRIPT = f"""\
checks=$(mktemp -d /root/checks.XXXXXX)
check() {{
    base64 -d >"$checks/$1"
    chmod 700 "$checks/$1"
    timeout {TIMEOUT_S} "$checks/$1" boot >"$checks/output" 2>&1 </dev/null
    echo "check $1 $? $(tail -c 4096 "$checks/output" | base64 -w 0)"
    rm "$checks/$1"
}}
"""
