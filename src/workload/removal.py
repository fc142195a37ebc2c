"""Removes all that a unit has on its machine, but for packages."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable

from charmlibs import systemd

from retrofit.host import process, trees
from workload import names

UNITS = pathlib.Path("/etc/systemd/system")
# When a persistent timer has fired last; systemd keeps it when the timer is gone.
STAMPS = pathlib.Path("/var/lib/systemd/timers")
# A build that is stopped removes what it made; see TimeoutStopSec in workload.engine.
_STOP_TIMEOUT_S = 400


def remove(own: names.Names) -> None:
    """End what a unit runs, and remove all that it wrote; does nothing if it has nothing."""
    # Nothing may start what was stopped.
    jobs = (own, own.of(names.IMAGE_FILES))
    for job in jobs:
        end([job.timer, f"{job.next}.timer", f"{job.next}.service"])
    end([own.watch])
    end([*(job.service for job in jobs), own.action])
    for job in jobs:
        remove_unit_files([job.timer, job.service])
        (STAMPS / f"stamp-{job.timer}").unlink(missing_ok=True)
    for directory in (own.state, own.cache):
        with contextlib.suppress(FileNotFoundError):
            trees.remove(directory)
        with contextlib.suppress(OSError):
            # Other units have theirs beside it.
            directory.parent.rmdir()


def end(units: Iterable[str]) -> None:
    """Stop units of systemd that may be there, and have it forget how they ended."""
    for verb in ("stop", "reset-failed"):
        process.run(["systemctl", verb, *units], timeout_s=_STOP_TIMEOUT_S, check=False)


def remove_unit_files(units: Iterable[str]) -> None:
    """Disable units of systemd, and remove their files; a write that was cut left others."""
    for name in units:
        left = [*UNITS.glob(f".{name}.*"), *UNITS.glob(name)]
        if UNITS / name in left and name.endswith(".timer"):
            systemd.service_disable(name)
        for path in left:
            path.unlink()
    systemd.daemon_reload()
