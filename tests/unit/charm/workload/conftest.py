"""The machine on which a unit writes."""

from __future__ import annotations

import pathlib

import pytest
from charmlibs import systemd
from tests.unit.charm.workload import machines

from workload import migration, names, removal, schedule, unit


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> machines.Machine:
    made = machines.Machine(tmp_path, [])
    for module, name in (
        (names, "STATES"),
        (names, "CACHES"),
        (removal, "UNITS"),
        (removal, "STAMPS"),
    ):
        directory = tmp_path / name.lower()
        monkeypatch.setattr(module, name, directory)
    removal.UNITS.mkdir()
    removal.STAMPS.mkdir()
    cron = tmp_path / "auto-retrofit"
    cron.symlink_to("/var/lib/juju/agents/gone/charm/files/auto-retrofit.sh")
    monkeypatch.setattr(migration, "CRON", (cron,))
    monkeypatch.setattr(migration, "APT_PROXY", tmp_path / "99proxy")
    monkeypatch.setattr(unit, "_juju_exec", lambda: "/usr/bin/juju-exec")
    monkeypatch.setattr(schedule.Schedule, "disarm", lambda _: made.told.append("disarm"))
    monkeypatch.setattr(
        schedule.Schedule, "arm", lambda _, pause: made.told.append(f"arm {pause.seconds}")
    )
    for verb in ("service_start", "service_stop", "service_restart", "service_enable"):
        monkeypatch.setattr(
            systemd, verb, lambda *words, verb=verb: made.told.append(" ".join([verb, *words]))
        )
    monkeypatch.setattr(
        systemd, "service_disable", lambda *words: made.told.append(f"service_disable {words[0]}")
    )
    monkeypatch.setattr(systemd, "daemon_reload", lambda: made.told.append("daemon_reload"))
    monkeypatch.setattr(
        removal, "end", lambda units: made.told.extend(f"end {name}" for name in units)
    )
    return made
