"""A command counts on its standard streams, however it is started."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
