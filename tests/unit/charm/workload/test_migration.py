"""Names on a machine: several units beside each other, and what previous revisions shared."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from tests.support import paths
from tests.unit.charm.workload import machines
from tests.unit.charm.workload.machines import OWN

from workload import migration, names, removal, unit

OTHER = names.Names("octavia-diskimage-retrofit-jammy/0")
_PREVIOUS = "octavia-diskimage-retrofit"


@pytest.fixture
def builds(machine: machines.Machine) -> unit.Workload:
    return unit.Workload(paths.REPOSITORY, OWN)


@pytest.fixture
def previous(machine: machines.Machine) -> dict[str, str]:
    """What a previous revision left, a cut write and all; the contents of its files by name."""
    kept = {
        "request.json": "{}",
        "once.json": json.dumps({"trigger": "retry"}),
        "looked.json": "{}",
        "result.json": json.dumps({"outcome": "published", "run-id": "last"}),
        "history.jsonl": "a run\n",
        "clouds.yaml": f"# Written by the charm {OWN.unit} from its relations; changes are…\n",
        "ca.pem": "PEM",
        "evidence/5f3c/checks.json": "[]",
    }
    gone = {".clouds.yaml.x1y2": "password", "once-taken.json": "{}"}
    for name, text in {**kept, **gone}.items():
        path = names.STATES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (names.CACHES / "layers" / "of-an-image").mkdir(parents=True)
    for kind in ("service", "timer"):
        text = f"# Written by the charm {OWN.unit}; changes are overwritten.\n"
        (removal.UNITS / f"{_PREVIOUS}.{kind}").write_text(text)
    (removal.STAMPS / f"stamp-{_PREVIOUS}.timer").touch()
    os.utime(removal.STAMPS / f"stamp-{_PREVIOUS}.timer", (77, 77))
    return kept


def _files(directory: pathlib.Path) -> dict[str, str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in found}


def test_no_two_units_share_a_name() -> None:
    fields = [name for name, kind in vars(names.Names).items() if isinstance(kind, property)]
    assert {"state", "cache", "service", "timer", "next", "action"} <= set(fields)

    for field in fields:
        mine, others = (str(getattr(own, field)) for own in (OWN, OTHER))
        assert mine != others
        assert not others.startswith(mine + "/")


def test_all_is_kept_under_the_units_own_names(
    machine: machines.Machine, builds: unit.Workload, previous: dict[str, str]
) -> None:
    builds.migrate()

    assert _files(names.STATES) == {f"{OWN.tag}/{name}": text for name, text in previous.items()}
    assert OWN.state.stat().st_mode & 0o777 == 0o700
    assert (OWN.cache / "layers" / "of-an-image").is_dir()
    assert [path.name for path in names.CACHES.iterdir()] == [OWN.tag]
    assert list(removal.UNITS.iterdir()) == []
    assert [path.name for path in removal.STAMPS.iterdir()] == [f"stamp-{OWN.timer}"]
    assert (removal.STAMPS / f"stamp-{OWN.timer}").stat().st_mtime == 77
    for name in (".timer", ".service", "-next.timer", "-action.service"):
        assert f"end {_PREVIOUS}{name}" in machine.told
    assert f"service_disable {_PREVIOUS}.timer" in machine.told

    machine.told.clear()
    builds.migrate()
    assert machine.told == []


def test_a_migration_that_was_killed_goes_on(
    machine: machines.Machine,
    builds: unit.Workload,
    previous: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moves = 0

    def move(source: pathlib.Path, target: pathlib.Path) -> None:
        nonlocal moves
        moves += 1
        if moves == 4:
            raise KeyboardInterrupt
        source.rename(target)

    with monkeypatch.context() as broken:
        broken.setattr(migration.os, "replace", move)
        with pytest.raises(KeyboardInterrupt):
            builds.migrate()
    builds.migrate()

    assert _files(OWN.state) == previous
    assert list(removal.UNITS.iterdir()) == []


@pytest.mark.parametrize("lacking", [[], ["service", "timer"]])
def test_what_another_application_wrote_is_left_to_it(
    machine: machines.Machine, previous: dict[str, str], lacking: list[str]
) -> None:
    for kind in lacking:
        (removal.UNITS / f"{_PREVIOUS}.{kind}").unlink()
    before = _files(machine.root)

    unit.Workload(paths.REPOSITORY, OTHER).migrate()

    assert _files(machine.root) == before
    assert machine.told == []


def test_removing_one_unit_leaves_the_other(
    machine: machines.Machine, builds: unit.Workload
) -> None:
    other = unit.Workload(paths.REPOSITORY, OTHER)
    for each, own in ((builds, OWN), (other, OTHER)):
        own.make_directories()
        each.ask({"trigger": "action"})
        each.install_service(opening="", debug=False, schedules=("daily",))
    before = {name: text for name, text in _files(machine.root).items() if OTHER.tag in name}
    assert len(before) == 3

    builds.remove()

    assert _files(machine.root) == before
    other.remove()
    assert not names.STATES.exists()
    assert not names.CACHES.exists()


def test_removing_leaves_neither_stamps_nor_what_cut_writes_left(
    machine: machines.Machine, builds: unit.Workload
) -> None:
    OWN.make_directories()
    builds.install_service(opening="", debug=False, schedules=("daily",))
    for path in (
        OWN.state / ".clouds.yaml.x1y2",
        removal.UNITS / f".{OWN.service}.x1y2",
        removal.UNITS / f".{OWN.timer}.x1y2",
        removal.STAMPS / f"stamp-{OWN.timer}",
        OWN.work / "retrofit-publish-0.lock",
    ):
        path.write_text("password")

    builds.remove()

    assert _files(machine.root) == {}
