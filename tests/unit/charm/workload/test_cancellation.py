"""What an action has started, when it is gone; the container's tests do it with systemd."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence

import pytest
from tests.support import paths
from tests.unit.charm.workload import machines
from tests.unit.charm.workload.machines import OWN

from retrofit.host import process
from workload import cancellation, unit

# An action that waits for ever, on a machine whose systemd does nothing.
_ACTION = """
    import pathlib, sys, time
    from retrofit.host import process
    from workload import cancellation, names
    names.STATES, names.CACHES = map(pathlib.Path, sys.argv[1:])
    process.run = lambda *_, **__: None
    with cancellation.attended(names.Names("odr/0"), "a.service", run_id="asked"):
        print("waits", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def told(machine: machines.Machine, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What systemd is told."""
    OWN.make_directories()
    ran: list[list[str]] = []

    def run(argv: Sequence[str], **_: object) -> process.Completed:
        ran.append(list(argv))
        shown = "ActiveState=activating\n" if "show" in argv else ""
        return process.Completed(tuple(argv), 0, shown, ())

    monkeypatch.setattr(process, "run", run)
    return ran


def test_whoever_waits_for_the_lock_learns_that_an_action_was_killed(
    machine: machines.Machine, tmp_path: pathlib.Path
) -> None:
    argv = [sys.executable, "-c", textwrap.dedent(_ACTION)]
    directories = [OWN.state.parent, OWN.cache.parent]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*argv, *directories], stdout=subprocess.PIPE, text=True, env=environment
    ) as action:
        assert action.stdout is not None
        assert action.stdout.readline() == "waits\n"
        ended = tmp_path / "ended"
        with subprocess.Popen(["flock", OWN.lock, "touch", ended]) as watch:
            with pytest.raises(subprocess.TimeoutExpired):
                watch.wait(0.3)
            assert not cancellation.is_abandoned(OWN, "asked")

            action.send_signal(signal.SIGKILL)

            assert watch.wait(10) == 0
    assert ended.exists()
    assert cancellation.is_abandoned(OWN, "asked")
    assert not cancellation.is_abandoned(OWN, "another")


def test_a_service_is_watched_while_an_action_waits(told: list[list[str]]) -> None:
    with cancellation.attended(OWN, OWN.service, run_id="asked"):
        [stop, watch] = told
        assert stop == ["systemctl", "stop", OWN.watch]
        assert f"--unit={OWN.watch}" in watch
        assert watch[watch.index("--") + 1 :][:2] == ["flock", OWN.lock]
        assert watch[-1] == OWN.service
        told.clear()

    assert told == [stop]
    assert not cancellation.is_abandoned(OWN, "asked"), "it ended by itself"


def test_a_run_is_cancelled_with_what_waits(told: list[list[str]]) -> None:
    builds = unit.Workload(paths.REPOSITORY, OWN)
    builds.ask({"trigger": "retry"})

    assert builds.cancel() == "running"

    [_, cancel] = told
    assert cancel[:2] == ["sh", "-c"]
    assert cancel[-1] == OWN.service
    assert builds.asked() is None
