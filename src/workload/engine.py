"""Runs commands of the engine for actions, beside the hook and within the limits of a build."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from retrofit.host import process
from workload import cancellation, hints, names

# A build on a slow disk takes hours, and so does a proof whose machines are emulated on a busy
# one (25 minutes until the first answer, two machines for traffic); what takes longer hangs.
TIMEOUT_S = 6 * 60 * 60
# Of systemd.exec(5), systemd.service(5) and systemd.resource-control(5).
LIMITS: Mapping[str, str] = {
    "WorkingDirectory": "/",
    "Slice": names.SLICE,
    "UMask": "0077",
    "Nice": "10",
    "MemoryMax": "80%",
    "TasksMax": "8192",
    "KillMode": "mixed",
    "TimeoutStartSec": str(TIMEOUT_S),
    "TimeoutStopSec": "180",
}
_STOP_TIMEOUT_S = 200
_ERROR = "retrofit: error: "


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        code: Its exit code; docs/reference/exit-codes.md lists them.
        output: What it printed.
        problem: Why it failed and what to do, in one line and in the charm's words; empty if it
            did not.
    """

    code: int
    output: str
    problem: str


class Engine:
    """The engine of one unit's charm.

    Args:
        charm: Directory of the charm.
        own: The unit's names on its machine.
    """

    def __init__(self, charm: pathlib.Path, own: names.Names) -> None:
        self._charm = charm
        self._own = own

    def run(
        self,
        words: Sequence[str],
        *,
        report: Callable[[str], None],
        settings: pathlib.Path | None = None,
    ) -> Answer:
        """Run a command to its end, in a unit of its own that systemd ends in any case.

        Args:
            words: The command line after ``retrofit``.
            report: Called with each line of progress.
            settings: File of more variables, which may be missing.
        """
        problems: list[str] = []

        def line(text: str) -> None:
            if text.startswith(_ERROR):
                problems.append(text.removeprefix(_ERROR))
            else:
                report(text)

        variables = environment(self._charm, self._own)
        with cancellation.attended(self._own, self._own.action):
            completed = process.run(
                [
                    "systemd-run",
                    *("--quiet", "--wait", "--pipe", "--collect"),
                    f"--unit={self._own.action}",
                    # Its start takes until its end, so that a build the timer starts waits for it.
                    "--service-type=oneshot",
                    f"--property=Before={self._own.service}",
                    # It does not even begin if the action is gone by then.
                    f"--property=BindsTo={self._own.watch}",
                    f"--property=After={self._own.watch}",
                    *(f"--property={name}={value}" for name, value in LIMITS.items()),
                    *(f"--setenv={name}={value}" for name, value in variables.items()),
                    *((f"--property=EnvironmentFile=-{settings}",) if settings else ()),
                    *("--", *command(self._charm), *words),
                ],
                timeout_s=TIMEOUT_S + _STOP_TIMEOUT_S,
                on_line=line,
                # What it prints for programs is none of the action's messages.
                confidential=True,
                check=False,
            )
        problem = problems[-1] if problems else ""
        if completed.returncode != 0 and not problem:
            problem = (
                f"it ended with status {completed.returncode}; "
                f"see journalctl --unit {self._own.action}"
            )
        return Answer(completed.returncode, completed.stdout, hints.for_charm(problem))


def command(charm: pathlib.Path) -> list[str]:
    """Return how a command line of the engine begins."""
    return [f"{charm}/venv/bin/python", "-m", "retrofit"]


def environment(charm: pathlib.Path, own: names.Names) -> dict[str, str]:
    """Return the variables of the engine, for a charm and a unit of it."""
    return {
        "PYTHONPATH": f"{charm}/src",
        "OS_CLIENT_CONFIG_FILE": f"{own.state}/clouds.yaml",
        # OpenStack's libraries keep files there, and would do so in root's home directory.
        "XDG_CACHE_HOME": str(own.cache),
        "LIBGUESTFS_BACKEND": "direct",
    }
