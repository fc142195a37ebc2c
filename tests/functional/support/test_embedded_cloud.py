"""The cloud that tests and the demonstration use: it ends with who started it."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from tests.support import paths

# Prints what runs, then waits to be ended.
RUNS_A_CLOUD = """
import json, time
from tests.support.cloud import cloud
with cloud.running() as running:
    print(json.dumps([running.keystone_pid, running.glance_pid]), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_service_outlives_the_process_that_started_it(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNS_A_CLOUD],
        cwd=paths.REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as user:
        assert user.stdout is not None
        servers = json.loads(user.stdout.readline())
        groups = {os.getpgid(server) for server in servers}
        assert _members(groups)
        user.send_signal(number)
        user.wait(30)

    deadline = time.monotonic() + 20
    while _members(groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _members(groups) == []


def _members(groups: set[int]) -> list[str]:
    """Return the command lines of processes in process groups: workers are in their server's."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) not in groups:
                continue
            # One that ended has no command line, however late init asks how.
            if command := (process / "cmdline").read_text():
                found.append(command)
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
