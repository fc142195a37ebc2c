"""What a unit and its runs have on their machine, and what they leave there."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import deployment

_PROJECT = "octavia-diskimage-retrofit"
_MARK = "/root/before"
# What Juju's agent and systemd write as they run.
_OF_OTHERS = "/(var/(lib/juju|lib/systemd|log)/|usr/bin/juju-exec)"
# What a run starts; the shell that looks for them is none of them.
_PROGRAMS = "[r]etrofit run|[b]wrap|[s]lirp4netns|[q]emu-|[d]ebugfs|[a]pt-get"
_WORK = f"/var/cache/{_PROJECT}/*/work"
_RESULT = f"/var/lib/{_PROJECT}/*/result.json"
_TIMEOUT_S = 300


def mark(on: deployment.Deployment) -> None:
    """Have :func:`newer` count what is written after the first mark: packages may stay."""
    on.script(f"test -e {_MARK} || touch {_MARK}")


def unmark(on: deployment.Deployment) -> None:
    """Take the mark back."""
    on.script(f"rm -f {_MARK}")


def newer(on: deployment.Deployment) -> list[str]:
    """Return the files that were written since :func:`mark`, but for those of others."""
    found = f"find / -xdev -newer {_MARK} -type f | grep -vE '^{_OF_OTHERS}' || true"
    return on.script(found).split()


def named(on: deployment.Deployment, name: str) -> list[str]:
    """Return all whose name has a part, outside of what is Juju's."""
    places = "-not -path '/proc/*' -not -path '/sys/*' -not -path '/var/lib/juju/*'"
    return on.script(f"find / -xdev -name '*{name}*' {places}").split()


def units(on: deployment.Deployment, *, failed: bool = False) -> list[str]:
    """Return the units of systemd that are the charm's, of whatever application."""
    options = f"--all --plain --no-legend {'--failed' if failed else ''}"
    return on.script(f"systemctl list-units {options} '*retrofit*'").splitlines()


def started(on: deployment.Deployment) -> list[str]:
    """Return the services of the charm that run, or have not quite ended."""
    states = "--state=active,activating,deactivating"
    listing = f"systemctl list-units {states} --plain --no-legend '*retrofit*.service'"
    return on.script(listing).splitlines()


def of_runs(on: deployment.Deployment) -> list[str]:
    """Return work directories, mounts and programs of runs."""
    return on.script(f"""
        find {_WORK} -mindepth 1 -not -name '*.lock' || true
        grep {_WORK.replace("*", ".*")} /proc/mounts || true
        pgrep -af '{_PROGRAMS}' || true
    """).splitlines()


def await_step(on: deployment.Deployment, step: str) -> None:
    """Wait until a run is in a step or has just left it."""
    seen = f'grep -q running {_RESULT} && grep -qE \'"(step|name)": ?"{step}"\' {_RESULT}'
    on.script(f"until {seen}; do sleep 0.05; done")


def await_none(found: Callable[[], object]) -> None:
    """Wait until something is found no longer: the machine ends it by itself."""
    deadline = time.monotonic() + _TIMEOUT_S
    while left := found():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
