"""What the charm writes on a machine, in a directory that stands for its root."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml
from tests.support import paths
from tests.unit.charm import charm_fakes
from tests.unit.charm.workload.machines import OWN, Machine

from options import config, request
from retrofit import model
from retrofit.definitions import expansion
from retrofit.host import process
from retrofit.model import findings, reasons
from retrofit.model.documents import run_document
from workload import unit

ACTION = model.Trigger.ACTION
CLOUD = request.Cloud(
    name=request.CLOUD,
    auth_url="https://10.1.0.5:35357/v3",
    username="octavia-diskimage-retrofit",
    password=charm_fakes.PASSWORD,
    project="services",
    user_domain="service_domain",
    project_domain="service_domain",
    region="RegionOne",
    interface="internal",
    ca_certificate="",
    image_endpoint="",
)


@pytest.fixture
def builds(machine: Machine) -> unit.Workload:
    return unit.Workload(paths.REPOSITORY, OWN)


def _request(**options: Any) -> dict[str, str]:
    loaded = config.load({name.replace("_", "-"): value for name, value in options.items()})
    return request.compute(
        loaded, proxies=model.Proxies(), ca_certificate="", directories=OWN.directories()
    )


def test_the_engine_takes_the_request(machine: Machine, builds: unit.Workload) -> None:
    options = {
        "ubuntu_mirror": "deb http://mirror.example/ubuntu noble main\\ndeb http://b.example a b",
        "uca_mirror": "http://uca.example/ubuntu|KEY",
        "retrofit_series": "noble",
        "retrofit_arch": "arm64",
        "retrofit_uca_pocket": "caracal/proposed",
        "image_format": "raw",
        "image_compression": "zlib",
        "use_internal_endpoints": True,
        "proof_depth": "traffic",
        "rebuild_on": "packages base",
        "source_projects": "e1b0, e1b1",
    }
    builds.configure(_request(**options), CLOUD, "")
    builds.ask(request.once(run_id="run", trigger=ACTION, source_image="77aa"))

    (image,) = expansion.read(machine.state / "request.json", once=machine.state / "once.json")

    asked, definition = image.request, image.run
    assert asked.build.image_format is model.ImageFormat.RAW
    assert asked.build.compression is model.Compression.ZLIB
    assert asked.build.archives == model.Archives(
        mirror="deb http://mirror.example/ubuntu noble main\ndeb http://b.example a b",
        uca_mirror="http://uca.example/ubuntu",
        uca_pocket="caracal/proposed",
    )
    assert asked.cloud.interface == "internal"
    assert (definition.source, definition.force, definition.run_id) == ("glance:77aa", True, "run")
    assert definition.trigger is ACTION
    assert asked.rebuild_on == {reasons.Choice.PACKAGES, reasons.Choice.BASE}
    assert definition.source_projects == ("e1b0", "e1b1")
    assert (definition.series, definition.architecture) == ("noble", "aarch64")
    assert definition.amp_image_tag == ""
    assert asked.proof.depth is findings.Depth.TRAFFIC
    assert asked.proof.evidence == OWN.evidence
    assert (asked.work_base, asked.cache) == (OWN.work, OWN.cache)


@pytest.mark.parametrize(
    ("ca_certificate", "image_endpoint"), [("", ""), ("/ca.pem", "https://glance:9292")]
)
def test_credentials_are_as_given_and_for_root_only(
    machine: Machine, builds: unit.Workload, ca_certificate: str, image_endpoint: str
) -> None:
    cloud = dataclasses.replace(
        CLOUD, ca_certificate=ca_certificate, image_endpoint=image_endpoint
    )

    builds.configure(_request(), cloud, "PEM\n")

    written = yaml.safe_load((machine.state / "clouds.yaml").read_text(encoding="utf-8"))
    entry = written["clouds"]["octavia-diskimage-retrofit"]
    assert entry["auth"] == {
        "auth_url": CLOUD.auth_url,
        "username": CLOUD.username,
        "password": charm_fakes.PASSWORD,
        "project_name": "services",
        "user_domain_name": "service_domain",
        "project_domain_name": "service_domain",
    }
    assert (entry["region_name"], entry["interface"]) == ("RegionOne", "internal")
    assert entry.get("cacert", "") == ca_certificate
    assert entry.get("image_endpoint_override", "") == image_endpoint
    modes = {path.name: path.stat().st_mode & 0o777 for path in machine.state.iterdir()}
    assert modes == {"clouds.yaml": 0o600, "request.json": 0o600, "ca.pem": 0o600}
    assert machine.state.stat().st_mode & 0o777 == 0o700


def test_tells_whether_another_image_is_wanted(builds: unit.Workload) -> None:
    assert not builds.configure(_request(), CLOUD, ""), "there was no request before"
    assert not builds.configure(_request(), CLOUD, "")
    assert not builds.configure(_request(region="RegionTwo"), CLOUD, "")
    assert not builds.configure(_request(proof_depth="off"), CLOUD, "")
    assert builds.configure(_request(image_format="raw"), CLOUD, "")
    assert not builds.configure(_request(image_format="raw"), CLOUD, "")


def test_the_service_runs_the_engine_of_the_charm(machine: Machine, builds: unit.Workload) -> None:
    builds.install_service(opening="", debug=False, schedules=())

    service = machine.unit("service")
    state, charm = machine.state, paths.REPOSITORY
    assert f"Environment=PYTHONPATH={charm}/src\n" in service
    assert f"Environment=OS_CLIENT_CONFIG_FILE={state}/clouds.yaml\n" in service
    assert f"Environment=XDG_CACHE_HOME={OWN.cache}\n" in service
    assert "\nUMask=0077\nNice=10\nMemoryMax=80%\n" in service
    assert "\nTimeoutStartSec=21600\n" in service
    assert (
        f"ExecStart={charm}/venv/bin/python -m retrofit run --definitions {state}/request.json "
        f"--once {state}/once-taken.json --result {state}/result.json\n"
    ) in service
    tell = (
        "/usr/bin/systemd-run --no-block --collect /usr/bin/juju-exec -u "
        'odr/0 "JUJU_DISPATCH_PATH=hooks/update-status '
        f'{charm}/dispatch"'
    )
    assert f"\nExecStopPost=-{tell}\n" in service
    condition = f"{charm}/venv/bin/python -m workload.execution_condition"
    words = "--unit odr/0 --juju-exec /usr/bin/juju-exec"
    assert f"\nExecStopPost=-{condition} ended {words}\n" in service
    before = [
        line
        for line in service.splitlines()
        if line.startswith(("ExecCondition=", "ExecStartPre="))
    ]
    assert before == [
        "ExecCondition=/bin/sh -c "
        f"""'"$$@"; case $$? in 0) ;; 75) exit 1 ;; *) exit 255 ;; esac' execution-condition """
        f"{condition} begin {words}",
        f"ExecStartPre=/bin/rm -f {state}/once-taken.json",
        f"ExecStartPre=-/bin/mv -f {state}/once.json {state}/once-taken.json",
        f"ExecStartPre=-{tell}",
    ]
    assert not machine.unit("timer")

    builds.install_service(opening="", debug=True, schedules=())
    assert f"{state}/result.json --debug\n" in machine.unit("service")

    builds.install_service(opening="Mon..Fri 22:00-06:00", debug=False, schedules=())
    assert machine.unit("service").count(f'{words} --window "Mon..Fri 22:00-06:00"\n') == 2


def test_service_and_timer_come_once_and_go(machine: Machine, builds: unit.Workload) -> None:
    builds.install_service(opening="", debug=False, schedules=("weekly",))
    assert "OnCalendar=weekly\n" in machine.unit("timer")
    assert "Persistent=true\n" in machine.unit("timer")
    assert "RandomizedDelaySec=3600\n" in machine.unit("timer")
    assert "service_enable octavia-diskimage-retrofit@odr-0.timer" in machine.told

    machine.told.clear()
    builds.install_service(opening="", debug=False, schedules=("weekly",))
    assert machine.told == []

    builds.install_service(opening="", debug=False, schedules=("Mon..Fri 03:30",))
    assert "OnCalendar=Mon..Fri 03:30\n" in machine.unit("timer")
    assert "RandomizedDelaySec=300\n" in machine.unit("timer")
    assert "service_restart octavia-diskimage-retrofit@odr-0.timer" in machine.told

    builds.install_service(opening="", debug=False, schedules=())
    assert not machine.unit("timer")
    assert "service_disable octavia-diskimage-retrofit@odr-0.timer" in machine.told


def test_the_schedule_of_the_existing_charm_goes(
    builds: unit.Workload, tmp_path: pathlib.Path
) -> None:
    builds.migrate()

    assert not (tmp_path / "auto-retrofit").is_symlink()


@pytest.mark.parametrize(
    ("shown", "stuck"),
    [
        ("ActiveState=failed\nExecMainStartTimestampMonotonic=0\n", True),
        ("ActiveState=failed\nExecMainStartTimestampMonotonic=94221\n", False),
        ("ActiveState=inactive\nExecMainStartTimestampMonotonic=0\n", False),
    ],
)
def test_knows_from_systemd_that_a_run_could_not_begin(
    builds: unit.Workload, monkeypatch: pytest.MonkeyPatch, shown: str, stuck: bool
) -> None:
    monkeypatch.setattr(
        process, "run", lambda argv, **_: process.Completed(tuple(argv), 0, shown, ())
    )

    assert builds.stuck() is stuck


@pytest.mark.parametrize(
    ("status", "told"),
    [(0, 0), (75, 1), (1, 255), (127, 255)],
)
def test_only_the_exit_code_of_the_execution_condition_is_a_no(
    machine: Machine,
    builds: unit.Workload,
    tmp_path: pathlib.Path,
    status: int,
    told: int,
) -> None:
    builds.install_service(opening="Mon..Fri 22:00-06:00", debug=False, schedules=())
    [condition] = re.findall(r"(?m)^ExecCondition=(.*)$", machine.unit("service"))
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    # As systemd splits the line.
    words = shlex.split(condition.replace("$$", "$"))
    words[words.index("-m") - 1] = str(program)

    assert subprocess.run(words, check=False).returncode == told


@pytest.mark.parametrize(
    ("shown", "building"),
    [
        ("ActiveState=inactive\nJob=0\n", False),
        ("ActiveState=failed\n", False),
        ("ActiveState=inactive\nJob=77\n", True),
        ("ActiveState=activating\nJob=77\n", True),
        ("ActiveState=deactivating\n", True),
    ],
)
def test_knows_a_build_from_systemd(
    builds: unit.Workload, monkeypatch: pytest.MonkeyPatch, shown: str, building: bool
) -> None:
    monkeypatch.setattr(
        process, "run", lambda argv, **_: process.Completed(tuple(argv), 0, shown, ())
    )

    assert builds.building() is building


def test_starting_does_not_wait(machine: Machine, builds: unit.Workload) -> None:
    builds.start()

    assert machine.told == [
        "disarm",
        "service_start --no-block octavia-diskimage-retrofit@odr-0.service",
    ]


@pytest.mark.parametrize(
    ("building", "scheduled", "trigger", "armed"),
    [
        (False, True, "schedule", ["arm 0"]),
        (False, True, "option", ["arm 30"]),
        (False, False, "action", ["arm 0"]),
        (True, True, "schedule", []),
        (False, True, None, ["arm 300"]),
        (False, False, None, []),
    ],
)
def test_what_was_asked_for_begins_when_it_is_due(
    machine: Machine,
    builds: unit.Workload,
    monkeypatch: pytest.MonkeyPatch,
    building: bool,
    scheduled: bool,
    trigger: str | None,
    armed: list[str],
) -> None:
    monkeypatch.setattr(builds, "building", lambda: building)
    OWN.make_directories()
    lost = {"outcome": "running", "run-id": "lost", "started": charm_fakes.hours_ago(0)}
    (machine.state / "result.json").write_text(json.dumps(lost), encoding="utf-8")
    if trigger:
        builds.ask({"trigger": trigger})

    builds.arrange(None, scheduled=scheduled)

    told = [words for words in machine.told if words.startswith("arm")]
    assert [int(each.split()[1]) for each in told] == [
        pytest.approx(int(each.split()[1]), abs=2) for each in armed
    ]
    assert [run.outcome for run in builds.history()] == (
        ["lost"] if scheduled and not building else []
    )


def test_the_end_of_the_schedule_keeps_what_an_action_asked_for(
    machine: Machine, builds: unit.Workload
) -> None:
    OWN.make_directories()
    for trigger in ("option", "action"):
        builds.ask({"trigger": trigger})
        builds.remove_timer()
        assert builds.asked() == trigger, "the unit lacks something, for the moment"
    assert machine.told == ["disarm", "disarm"]

    builds.install_service(opening="", debug=False, schedules=())
    assert builds.asked() is ACTION

    builds.ask({"trigger": "option"})
    builds.install_service(opening="", debug=False, schedules=())
    assert builds.asked() is None


def test_a_request_for_one_run_waits_in_a_file(machine: Machine, builds: unit.Workload) -> None:
    builds.configure(_request(), CLOUD, "")
    assert not builds.asked()

    builds.ask(request.once(run_id="run", trigger=ACTION, force=True))

    assert builds.asked()
    assert json.loads((machine.state / "once.json").read_text(encoding="utf-8")) == {
        "run-id": "run",
        "trigger": "action",
        "force": True,
    }


def test_a_request_from_before_there_were_proofs_makes_the_same_image(
    machine: Machine, builds: unit.Workload
) -> None:
    old = {"source": "glance:", "target": "glance:", "amp-image-tag": "octavia-amphora"}
    OWN.make_directories()
    (machine.state / "request.json").write_text(json.dumps(old), encoding="utf-8")

    assert not builds.configure(_request(), CLOUD, "")


def test_what_a_previous_revision_left_is_kept(
    machine: Machine, builds: unit.Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "building", lambda: False)
    request_json = {"source": "glance:", "target": "glance:", "image-format": "qcow2"}
    result = {
        "outcome": "published",
        "image": {"id": "5f3c", "name": "amphora"},
        "started": charm_fakes.hours_ago(2),
        "ended": charm_fakes.hours_ago(1),
        "steps": [],
    }
    OWN.make_directories()
    (machine.state / "request.json").write_text(json.dumps(request_json), encoding="utf-8")
    (machine.state / "result.json").write_text(json.dumps(result), encoding="utf-8")

    assert not builds.configure(_request(frequency="weekly"), CLOUD, "")
    builds.install_service(opening="", debug=False, schedules=("weekly",))
    builds.arrange(None, scheduled=True)

    assert "OnCalendar=weekly\n" in machine.unit("timer")
    assert builds.asked() is None
    assert not [words for words in machine.told if words.startswith("arm")]
    found = builds.result()
    assert found is not None
    assert found.image is not None
    assert found.image.id == "5f3c"
    assert builds.history() == ()


def test_what_an_action_did_stands_in_place_of_the_last_run(
    machine: Machine, builds: unit.Workload
) -> None:
    builds.configure(_request(), CLOUD, "")
    done = run_document.Result.model_validate(
        {"outcome": "rolled-back", "image": {"id": "1", "name": "n"}, "rivals": [{"id": "2"}]}
    )

    builds.note(done)

    assert builds.result() == done


def test_evidence_is_kept_of_the_last_few_images(machine: Machine, builds: unit.Workload) -> None:
    evidence = machine.state / "evidence"
    for number, name in enumerate(["first", "second", "third", "fourth"]):
        (evidence / name).mkdir(parents=True)
        (evidence / name / "checks.json").touch()
        os.utime(evidence / name, (number, number))

    builds.forget_evidence()
    assert {path.name for path in evidence.iterdir()} == {"second", "third", "fourth"}

    builds.forget_evidence(of="third")
    assert {path.name for path in evidence.iterdir()} == {"second", "fourth"}

    builds.remove()
    assert not machine.state.exists()


def test_removing_leaves_nothing(machine: Machine, builds: unit.Workload) -> None:
    builds.configure(_request(), CLOUD, "PEM\n")
    builds.install_service(opening="", debug=False, schedules=("daily",))
    builds.ask(request.once(run_id="run", trigger=ACTION))

    builds.remove()
    builds.remove()

    assert not machine.state.exists()
    assert not list(machine.units.iterdir())
    assert "end octavia-diskimage-retrofit@odr-0.service" in machine.told


@pytest.mark.parametrize("content", ["", "{", '{"outcome": 1}', '{"outcome": "of later"}'])
def test_a_result_that_cannot_be_read_is_none(
    machine: Machine, builds: unit.Workload, content: str
) -> None:
    OWN.make_directories()
    (machine.state / "result.json").write_text(content, encoding="utf-8")

    assert builds.result() is None


def test_credentials_go_alone(machine: Machine, builds: unit.Workload) -> None:
    builds.configure(_request(), CLOUD, "")

    builds.forget_credentials()

    assert {path.name for path in machine.state.iterdir()} == {"request.json", "ca.pem"}
