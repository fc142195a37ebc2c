"""Units of systemd for commands on a schedule: systemd itself reads them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import click.testing
import pytest

from retrofit import errors
from retrofit.cli import main, schedule
from retrofit.host import schedules


@pytest.fixture
def told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd is told; its directories are the test's."""
    words: list[str] = []
    for name in ("UNITS", "STAMPS"):
        (tmp_path / name.lower()).mkdir()
        monkeypatch.setattr(schedules, name, tmp_path / name.lower())
    monkeypatch.setattr(schedules, "_systemctl", lambda *each: words.append(" ".join(each)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.chdir(tmp_path)
    for name in (*schedule._VARIABLES, *schedule._PROXIES):
        monkeypatch.delenv(name, raising=False)
    return words


def _schedule(*words: str) -> BaseException | None:
    runner = click.testing.CliRunner()
    return runner.invoke(main.retrofit, ["schedule", *words], standalone_mode=False).exception


def _units() -> dict[str, str]:
    return {path.name: path.read_text() for path in schedules.UNITS.iterdir()}


def test_systemd_takes_the_units(
    told: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "clouds.yaml")
    monkeypatch.setattr(sys, "executable", "/bin/true")
    odd = '100% "$HOME" \\n'

    error = _schedule("--when", "Mon..Fri 03:30", "images", "manage", "--filter", odd, "--hide")

    assert error is None
    assert told == [
        "daemon-reload",
        "enable retrofit-images.timer",
        "restart retrofit-images.timer",
    ]
    units = _units()
    assert set(units) == {"retrofit-images.service", "retrofit-images.timer"}
    assert "OnCalendar=Mon..Fri 03:30\n" in units["retrofit-images.timer"]
    assert f'"OS_CLIENT_CONFIG_FILE={tmp_path}/clouds.yaml"' in units["retrofit-images.service"]
    assert f"WorkingDirectory={tmp_path}\n" in units["retrofit-images.service"]
    assert (
        'ExecStart="/bin/true" "-m" "retrofit" "manage" "--filter" '
        '"100%% \\"$$HOME\\" \\\\n" "--hide"\n'
    ) in units["retrofit-images.service"]
    verified = subprocess.run(
        ["systemd-analyze", "verify", *schedules.UNITS.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "retrofit-images" not in verified.stderr


def test_one_command_removes_all(told: list[str]) -> None:
    assert _schedule("images", "mirror", "s3://images") is None
    (schedules.STAMPS / "stamp-retrofit-images.timer").touch()
    told.clear()

    assert _schedule("--remove", "images") is None

    assert _units() == {}
    assert list(schedules.STAMPS.iterdir()) == []
    assert told[:2] == ["disable --now retrofit-images.timer", "stop retrofit-images.service"]
    assert isinstance(_schedule("--remove", "images"), errors.InputMissing)


def test_nothing_is_left_if_systemd_refuses(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: str) -> None:
        raise errors.CommandError("systemctl failed", details=("no systemd",))

    monkeypatch.setattr(schedules, "_systemctl", refuse)

    assert isinstance(_schedule("images", "manage"), errors.Unavailable)
    assert _units() == {}


@pytest.mark.parametrize(
    "words",
    [
        ("images",),
        ("images", "rollout"),
        ("Images", "manage"),
        ("../images", "manage"),
        ("images", "manage", "--hidee"),
        ("--when", "fortnightly", "images", "manage"),
        ("--remove", "images", "manage"),
        ("images", "manage", "--images", "https://me:secret@git.example/a.git"),
    ],
)
def test_what_cannot_run_is_refused(told: list[str], words: tuple[str, ...]) -> None:
    error = _schedule(*words)

    assert isinstance(error, errors.UsageError | click.UsageError)
    assert "secret" not in str(error)
    assert (_units(), told) == ({}, [])


@pytest.mark.parametrize("line", ["a\nExecStart=/bin/false", "a\rb", "a\x1b"])
def test_an_argument_of_several_lines_is_named(told: list[str], line: str) -> None:
    error = _schedule("images", "manage", "--filter", line)

    assert isinstance(error, errors.UsageError)
    assert f"the argument {line!r} has a line break or another control character" in str(error)
    assert (_units(), told) == ({}, [])


@pytest.mark.parametrize("name", ["a\nb", "a\\", "a ", "a\udcff"])
def test_a_directory_that_systemd_cannot_read_is_named(
    told: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)

    error = _schedule("images", "manage")

    assert isinstance(error, errors.UsageError)
    assert f"the working directory {os.fspath(tmp_path / name)!r} " in str(error)
    assert _units() == {}


def test_a_variable_of_several_lines_is_named(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/srv/a\nExecStart=/bin/false")

    error = _schedule("images", "manage")

    assert isinstance(error, errors.UsageError)
    assert "the variable 'OS_CLIENT_CONFIG_FILE=" in str(error)
    assert _units() == {}


def test_a_proxy_with_a_login_is_refused(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example")

    error = _schedule("images", "manage")

    assert isinstance(error, errors.UsageError)
    assert "secret" not in str(error)
    assert _units() == {}


def test_only_root_may(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert isinstance(_schedule("images", "manage"), errors.Denied)
