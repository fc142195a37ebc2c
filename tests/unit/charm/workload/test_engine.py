"""How the charm runs commands of the engine; tests/functional does it with a real systemd."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.charm.workload import machines

from retrofit.host import process
from workload import engine, names

OWN = names.Names("odr-jammy/0")
CHARM = pathlib.Path("/var/lib/juju/agents/unit-retrofit-0/charm")


@pytest.fixture(autouse=True)
def _directories(machine: machines.Machine) -> None:
    """Directories of the unit below one of the test's own."""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """All that was run; a command's own lines come from the list's last entry."""
    ran: list[tuple[list[str], dict[str, Any]]] = []

    def run(argv: Sequence[str], **details: Any) -> process.Completed:
        ran.append((list(argv), details))
        return process.Completed(tuple(argv), 0, "{}", ())

    monkeypatch.setattr(process, "run", run)
    return ran


def _ending(monkeypatch: pytest.MonkeyPatch, code: int, *lines: str) -> None:
    """Have commands print lines and end with a status."""

    def run(argv: Sequence[str], **details: Any) -> process.Completed:
        for line in lines if "--wait" in argv else ():
            details["on_line"](line)
        return process.Completed(tuple(argv), code, "", ())

    monkeypatch.setattr(process, "run", run)


def test_a_command_has_a_unit_with_the_limits_of_a_build(
    commands: list[tuple[list[str], dict[str, Any]]],
) -> None:
    answer = engine.Engine(CHARM, OWN).run(["show", "--json"], report=lambda _: None)

    assert answer == engine.Answer(0, "{}", "")
    [(argv, details)] = [each for each in commands if "--wait" in each[0]]
    watch = "octavia-diskimage-retrofit-watch@odr-jammy-0.service"
    assert f"--property=BindsTo={watch}" in argv
    split = argv.index("--")
    assert argv[split + 1 :] == [f"{CHARM}/venv/bin/python", "-m", "retrofit", "show", "--json"]
    options = argv[:split]
    assert "--property=MemoryMax=80%" in options
    assert "--property=UMask=0077" in options
    assert "--property=Before=octavia-diskimage-retrofit@odr-jammy-0.service" in options
    assert f"--setenv=PYTHONPATH={CHARM}/src" in options
    state = OWN.state
    assert f"--setenv=OS_CLIENT_CONFIG_FILE={state}/clouds.yaml" in options
    assert f"--setenv=XDG_CACHE_HOME={OWN.cache}" in options
    assert not [word for word in options if "EnvironmentFile" in word]
    assert details["confidential"]
    assert details["timeout_s"] > engine.TIMEOUT_S, "systemd is to end it first"


def test_a_command_has_the_variables_of_a_file(
    commands: list[tuple[list[str], dict[str, Any]]],
) -> None:
    file = OWN.state / "image-files" / "environment"

    engine.Engine(CHARM, OWN).run(["doctor"], report=lambda _: None, settings=file)

    [argv] = [argv for argv, _ in commands if "--wait" in argv]
    # It may be missing.
    assert f"--property=EnvironmentFile=-{file}" in argv[: argv.index("--")]


def test_progress_is_reported_and_the_error_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    _ending(monkeypatch, 4, "prove at rest: 9.6 s", "retrofit: error: the image fails; see DIR")
    reported: list[str] = []

    answer = engine.Engine(CHARM, OWN).run(["verify"], report=reported.append)

    assert reported == ["prove at rest: 9.6 s"]
    assert answer == engine.Answer(4, "", "the image fails; see DIR")


def test_a_command_that_was_killed_says_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    _ending(monkeypatch, 137)

    answer = engine.Engine(CHARM, OWN).run(["verify"], report=lambda _: None)

    assert answer.problem == (f"it ended with status 137; see journalctl --unit {OWN.action}")
