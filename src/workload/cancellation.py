"""Cancels what runs, on request or because the action that waits for it is gone.

Juju cancels an action by SIGKILL of its process, which can do nothing about that any more. So an
action holds a lock while it waits: the kernel lets go of it with the process. A small service
waits for the lock, and then ends what the action has started.
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
from collections.abc import Iterator

from retrofit.host import process
from workload import names

# How a run ends that was cancelled: as after Ctrl-C, unlike one that the machine ends (SIGTERM).
EXIT_CODE = 128 + signal.SIGINT
# TimeoutStopSec of a build, in workload.engine, and some more.
_TIMEOUT_S = 200
# The first signal counts. The second one reaches what comes before and behind the program itself.
# That it was cancelled is no failure of the service.
_SCRIPT = """
systemctl kill --kill-who=main --signal=SIGINT "$0"
systemctl stop "$0"
systemctl reset-failed "$0"
"""


def cancel(service: str) -> None:
    """End a service that runs the engine, and wait until it has removed what it made."""
    process.run(_command(service), timeout_s=_TIMEOUT_S, check=False)


@contextlib.contextmanager
def attended(own: names.Names, service: str, *, run_id: str = "") -> Iterator[None]:
    """Have a service end if this process is killed before the context ends.

    What a previous action has left is waited for.

    Args:
        own: The unit's names on its machine.
        service: What the caller is about to start and waits for.
        run_id: The run that it asks the service for, if it is one.
    """
    own.make_directories()
    with own.lock.open("a+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(run_id)
        lock.flush()
        stop_watching(own)
        argv = ["systemd-run", "--quiet", "--collect", f"--unit={own.watch}"]
        process.run(
            [*argv, f"--slice={names.SLICE}", "--", "flock", own.lock, *_command(service)],
            timeout_s=_TIMEOUT_S,
        )
        try:
            yield
        finally:
            stop_watching(own)
            lock.truncate(0)


def is_abandoned(own: names.Names, run_id: str) -> bool:
    """Tell whether the action that asked for a run was killed before the run began."""
    try:
        with own.lock.open(encoding="ascii") as lock:
            if not run_id or lock.read() != run_id:
                # It did not want to wait.
                return False
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


def stop_watching(own: names.Names) -> None:
    """End the service that waits for the lock; does nothing if none does."""
    process.run(["systemctl", "stop", own.watch], timeout_s=_TIMEOUT_S, check=False)


def _command(service: str) -> list[str]:
    return ["sh", "-c", _SCRIPT, service]
