"""How progress is shown: a line now and then in a log, a line that changes on a terminal."""

from __future__ import annotations

import io
import sys
from unittest import mock

import pytest

from retrofit import model
from retrofit.cli import reporting

_DONE = model.StepRecord("customise", wall_s=150, cpu_s=9, peak_memory=1, peak_disk=1)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the time as the only item of a list."""
    now = [0.0]
    monkeypatch.setattr(reporting.time, "monotonic", lambda: now[0])  # type: ignore[attr-defined]
    return now


def test_a_log_gets_a_line_a_minute(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = reporting.Lines("jammy")

    lines.step_started("customise")
    for second in range(150):
        clock[0] = float(second)
        lines.doing(f"{second} of 300 packages set up")
    lines.step_ended(_DONE)

    assert capsys.readouterr().err.splitlines() == [
        "jammy: customise: 60 s, 60 of 300 packages set up",
        "jammy: customise: 120 s, 120 of 300 packages set up",
        "jammy: customise: 150.0 s",
    ]


def test_a_short_step_says_what_it_took_only(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = reporting.Lines()

    clock[0] = 500.0
    lines.step_started("seal")
    clock[0] = 530.0
    lines.doing("something")

    assert capsys.readouterr().err == ""


def test_a_terminal_shows_what_a_console_says_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with mock.patch.object(sys, "stderr", terminal), reporting.reporter() as bars:
        bars.step_started("prove the boot")
        bars.doing("answer of the agent, 9 s: [  OK  ] Reached [bold]target[/red] " + "x" * 200)
    shown = terminal.getvalue()

    assert "prove the boot: answer of the agent, 9 s: [  OK  ] Reached [bold]" in shown
    assert "x" * 100 not in shown
    # What is long takes nothing from the time beside it.
    assert "0:00:00" in shown
