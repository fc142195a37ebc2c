"""A command counts on its standard streams, however it is started."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from tests.support import paths

_SCRIPT = """
import os, sys
from retrofit.cli import streams
streams.settle()
handle = os.open("/dev/null", os.O_RDONLY)
assert handle > 2, handle
print("result “quoted”", flush=True)
print("said beside", file=sys.stderr)
sys.stdin.read()
os.execv("/bin/sh", ["sh", "-c", ": <&0 && : >&1 && : >&2"])
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_opened_for_the_command_and_its_programs(closed: str) -> None:
    completed = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, _SCRIPT],
        stdin=subprocess.DEVNULL,
        check=False,
    )

    assert completed.returncode == 0


def test_what_an_encoding_lacks_is_printed_in_another_form() -> None:
    completed = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env={"PYTHONIOENCODING": "ascii"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )

    assert completed.stdout == b"result \\u201cquoted\\u201d\n"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("--help >/dev/full", 73, "No space left on device"),
        # What it printed last is written when it ends.
        ("history history.jsonl --json >/dev/full", 73, "No space left on device"),
        ("--help | exec 0<&-; exit ${PIPESTATUS[0]}", 73, "Broken pipe"),
        ("mistyped 2>/dev/full", 64, ""),
    ],
)
def test_streams_that_cannot_be_written(
    tmp_path: pathlib.Path, command: str, code: int, said: str
) -> None:
    (tmp_path / "history.jsonl").write_text("")

    completed = subprocess.run(
        ["bash", "-c", f'"$0" -m retrofit {command}', sys.executable],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(paths.REPOSITORY / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert completed.returncode == code, completed.stderr
    fault = f"retrofit: error: cannot write to standard output: {said}\n"
    assert completed.stderr == (fault if said else "")
