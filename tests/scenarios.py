"""What the charm does in a model, told once and run by two drivers.

:mod:`tests.support.charm.deployment` drives the packed charm through our unit agent, and
``tests/integration`` drives it through Juju, so the two cannot drift apart. The scenarios build on
each other in the order of :data:`ALL`; a unit needs no more than a cloud for the others.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import openstack
import yaml

_PROJECT = "octavia-diskimage-retrofit"
_TAG = "octavia-amphora"
# One image is proved so far, the others as far as costs no time.
DEEPEST, SHALLOWEST = "traffic", "rest"
_STATUS_TIMEOUT_S = 300
_BUILD_TIMEOUT_S = 3600
# Of the files that a unit with a schedule has for systemd.
_KINDS = ("service", "timer")
# As where its packages are damaged, but for hooks, which need them, too.
_BROKEN = "[Service]\\nEnvironment=PYTHONPATH=/nowhere\\n"
_HASTE = "[Timer]\\nOnCalendar=\\nOnActiveSec=2\\nRandomizedDelaySec=0\\nAccuracySec=1\\n"


@dataclasses.dataclass(frozen=True)
class Names:
    """What a unit has on its machine.

    Attributes:
        state: Directory of credentials and results.
        work: Directory of work directories.
        service: The service that builds.
        timer: The timer of the schedule.
        next: The timer of a run that was asked for.
    """

    state: str
    work: str
    service: str
    timer: str
    next: str


@dataclasses.dataclass(frozen=True)
class Status:
    """Workload status of a unit."""

    status: str
    message: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an action ended."""

    status: str
    message: str
    results: Mapping[str, str]


class Driver(Protocol):
    """What a scenario does to a model in which the charm's neighbours are there already."""

    @property
    def units(self) -> list[str]:
        """Units of the charm that :meth:`shell` reaches."""

    def leader(self) -> str:
        """Return the unit that leads."""

    def deploy(self) -> None:
        """Deploy the charm beside its principal, and wait until its hooks have run."""

    def relate(self) -> None:
        """Relate it to the cloud."""

    def configure(self, **options: str | bool | None) -> None:
        """Set options (underscores for hyphens; ``None`` resets), and wait for the hook."""

    def act(self, action: str, **parameters: str | bool) -> Outcome:
        """Run an action on the leader (underscores for hyphens, and behind Python's own words)."""

    def status(self) -> Status:
        """Return the status of the first unit."""

    def move_leadership(self) -> None:
        """Take leadership from the unit that has it, or give it back."""

    def restart(self, unit: str) -> None:
        """Cut the power of a unit's machine, and wait until it is up again and its hooks ran."""

    def upgrade(self) -> None:
        """Replace the charm by another revision of it, and wait until its hooks have run."""

    def shell(self, unit: str, script: str) -> str:
        """Run a script as root on a unit's machine, and return what it printed."""

    def images(self) -> list[dict[str, Any]]:
        """Return the images in Glance, newest first."""

    def upload_shadowing_image(self, tag: str) -> dict[str, Any]:
        """Make an image with a tag that another project owns and all see, and return it."""

    def delete_image(self, image_id: str) -> None:
        """Remove an image from Glance."""

    def remove(self) -> None:
        """Remove the charm."""


def deployed_without_cloud(driver: Driver) -> None:
    """A unit that has no keystone says so."""
    driver.deploy()
    _await(driver, "blocked", "identity-credentials")


def ready_with_cloud(driver: Driver) -> None:
    """A unit with a cloud is ready, and its credentials are for root only."""
    driver.relate()
    _await(driver, "active", "no image built yet")
    unit = driver.units[0]
    mode = driver.shell(unit, f"stat -c %a {_names(driver, unit).state}/clouds.yaml")
    assert mode.strip() == "600"


def wrong_option_is_named(driver: Driver) -> None:
    """A wrong option blocks the unit until it is right again."""
    driver.configure(frequency="fortnightly")
    _await(driver, "blocked", "frequency='fortnightly'")
    outcome = driver.act("retrofit-image")
    assert outcome.status == "failed"
    assert "frequency" in outcome.message
    driver.configure(frequency=None)
    _await(driver, "active", "")


def unit_is_checked(driver: Driver) -> None:
    """The action check finds machine and cloud in order, and names the option that is not."""
    outcome = driver.act("check")
    assert outcome.status == "completed", outcome
    findings = json.loads(outcome.results["json"])["findings"]
    assert {"machine", "access", "images"} <= {each["subject"] for each in findings}
    driver.configure(region="Nowhere")
    _await(driver, "blocked", "Nowhere")
    outcome = driver.act("check")
    assert outcome.status == "failed"
    assert outcome.message.startswith("region: failed: "), outcome
    assert outcome.results["failed"] == "region"
    driver.configure(region=None)
    _await(driver, "active", "")


def first_image_is_planned(driver: Driver) -> None:
    """What a run would do is told, and nothing is done."""
    driver.configure(amp_image_tag=_TAG)
    before = _ids(driver)
    outcome = driver.act("plan")
    assert outcome.status == "completed", outcome
    assert outcome.results["action"] == "build"
    assert f"no image of this project has the tag {_TAG}" in outcome.results["summary"]
    assert outcome.results["base"] == _newest_base(driver)["name"]
    assert _ids(driver) == before


def image_is_published(driver: Driver) -> None:
    """The action ends with the image, which balances requests and has what consumers expect."""
    driver.configure(amp_image_tag=_TAG, proof_depth=DEEPEST)
    outcome = driver.act("retrofit-image")
    driver.configure(proof_depth=SHALLOWEST)
    # Which checks failed, and what they saw, the service alone says.
    assert outcome.status == "completed", f"{outcome.message}\n{_last_lines(driver)}"
    _check_image(driver, outcome, depth=DEEPEST)
    _await(driver, "active", outcome.results["image-name"])


def same_image_is_not_built_again(driver: Driver) -> None:
    """A second run fails, and says why; a plan says so before."""
    before = _ids(driver)
    planned = driver.act("plan")
    assert planned.status == "completed", planned
    assert planned.results["action"] == "none"
    assert planned.results["image-id"] == _current(driver)["id"]
    outcome = driver.act("retrofit-image")
    assert outcome.status == "failed"
    assert "up to date" in outcome.message
    assert _ids(driver) == before


def image_is_proved_again(driver: Driver) -> None:
    """An image can be proved at any time; what is none is refused, and leaves its evidence."""
    current = _current(driver)
    outcome = driver.act("verify-image")
    assert outcome.status == "completed", outcome
    assert outcome.results["image-id"] == current["id"]
    assert (outcome.results["depth"], outcome.results["result"]) == (SHALLOWEST, "passed")
    checks = json.loads(outcome.results["json"])["checks"]
    assert int(outcome.results["passed"]) == sum(each["outcome"] == "pass" for each in checks)
    base = _newest_base(driver)
    failed = driver.act("verify-image", image=base["id"])
    assert failed.status == "failed"
    assert failed.results["result"] == "failed"
    assert "haproxy" in failed.results["failed"]
    unit = driver.leader()
    evidence = f"{_names(driver, unit).state}/evidence"
    shown = driver.shell(unit, f"cd {evidence} && stat -c %a . * && ls *")
    assert shown.split() == ["700", "700", "checks.json"]
    assert driver.shell(unit, f"ls {evidence}").split() == [base["id"]]


def image_is_shown(driver: Driver) -> None:
    """What an image was made of is read back from Glance."""
    outcome = driver.act("show-image")
    assert outcome.status == "completed", outcome
    assert outcome.results["image-id"] == _current(driver)["id"]
    assert outcome.results["proof-depth"] == DEEPEST
    assert outcome.results["proof-result"] == "passed"
    packages = {each["name"] for each in json.loads(outcome.results["json"])["packages"]}
    assert {"haproxy", "keepalived"} <= packages


def timer_starts_a_run(driver: Driver) -> None:
    """The leader's timer starts the service, which finds the image up to date."""
    before = _ids(driver)
    driver.configure(auto_retrofit=True, frequency="hourly")
    unit = driver.leader()
    assert _units_with_timer(driver) == {unit}
    previous = _invocation(driver, unit)
    timer = _names(driver, unit).timer
    drop_in = f"/run/systemd/system/{timer}.d"
    driver.shell(
        unit,
        f"mkdir -p {drop_in} && printf '{_HASTE}' > {drop_in}/soon.conf"
        f" && systemctl daemon-reload && systemctl restart {timer}",
    )
    _until(lambda: _invocation(driver, unit) not in ("", previous), "the timer to fire")
    triggered = driver.shell(unit, f"systemctl show --value -p LastTriggerUSec {timer}").strip()
    assert triggered not in ("", "n/a")
    driver.shell(unit, f"rm -r {drop_in} && systemctl daemon-reload && systemctl restart {timer}")
    _until(lambda: not _builds(driver, unit), "the run to end")
    _await(driver, "active", "found up to date")
    assert _result(driver, unit)["outcome"] == "up-to-date"
    assert not _result(driver, unit)["run-id"]
    assert _history(driver, unit)[-1]["trigger"] == "schedule"
    assert _ids(driver) == before


def window_holds_runs_back(driver: Driver) -> None:
    """A run that the timer starts while the window is closed begins when it opens."""
    unit = driver.leader()
    names = _names(driver, unit)
    before, images = _history(driver, unit), _ids(driver)
    hour = int(driver.shell(unit, "date +%H"))
    opens, closes = f"{(hour + 2) % 24:02}:00", f"{(hour + 3) % 24:02}:00"
    driver.configure(auto_retrofit=True, maintenance_window=f"{opens}-{closes}")
    driver.shell(unit, f"systemctl start {names.service}")
    assert _history(driver, unit) == before
    pause = driver.shell(unit, f"systemctl cat {names.next} | sed -n s/^OnActiveSec=//p").strip()
    shown = driver.shell(unit, f"systemd-analyze timespan '{pause}' | grep -oE '[0-9]+$'")
    assert 3500 < int(shown) / 1_000_000 <= 7200
    assert driver.shell(unit, f"systemctl is-active {names.next}").strip() == "active"
    _await(driver, "active", f" {opens} ")
    driver.configure(maintenance_window=None)
    _until(lambda: _history(driver, unit) != before, "the run that waited for the window")
    [run] = _history(driver, unit)[len(before) :]
    assert run["trigger"] == "schedule"
    assert _ids(driver) == images
    _until(lambda: not _builds(driver, unit), "the run to end")


def service_that_cannot_begin_is_reported(driver: Driver) -> None:
    """A run that fails before it begins is none that was not to begin."""
    unit = driver.leader()
    before = _history(driver, unit)
    service = _names(driver, unit).service
    drop_in = f"/run/systemd/system/{service}.d"
    driver.shell(
        unit,
        f"mkdir -p {drop_in} && printf '{_BROKEN}' > {drop_in}/broken.conf"
        f" && systemctl daemon-reload && ! systemctl start {service}",
    )
    _await(driver, "blocked", "the last run could not begin")
    assert _history(driver, unit) == before
    driver.shell(unit, f"rm -r {drop_in} && systemctl daemon-reload")
    driver.shell(unit, f"systemctl start {service}")
    _await(driver, "active", "found up to date")


def leader_has_the_timer(driver: Driver) -> None:
    """The schedule moves with the leadership."""
    driver.move_leadership()
    try:
        _await_timer_of_leader(driver)
        for unit in set(driver.units) - {driver.leader()}:
            # As a timer would that has not gone yet.
            before = _history(driver, unit)
            driver.shell(unit, f"systemctl start {_names(driver, unit).service}")
            assert _history(driver, unit) == before
    finally:
        # What follows counts on it.
        driver.move_leadership()
    _await_timer_of_leader(driver)


def _await_timer_of_leader(driver: Driver) -> None:
    """Wait until the leader alone has the timer, as far as units are told of."""
    _until(
        lambda: _units_with_timer(driver) == {driver.leader()} & set(driver.units),
        lambda: f"the timer on {driver.leader()}; it is on {_units_with_timer(driver)}",
    )


def upgrade_keeps_what_is_there(driver: Driver) -> None:
    """Another revision of the charm goes on where the previous one was.

    It has the schedule, the history, the credentials and the current image.
    """
    unit = driver.leader()
    driver.configure(auto_retrofit=True, frequency="weekly")
    kept = (_credentials(driver, unit), _shown_image(driver))
    invocation = _invocation(driver, unit)
    before = (_history(driver, unit), _result(driver, unit), _calendar(driver, unit))
    assert before[0]
    driver.upgrade()
    assert kept == (_credentials(driver, unit), _shown_image(driver))
    assert _units_with_timer(driver) == {unit}
    assert before == (_history(driver, unit), _result(driver, unit), _calendar(driver, unit))
    assert _invocation(driver, unit) in ("", invocation), "a run began"
    left = f"ls /var/lib/{_PROJECT} /var/cache/{_PROJECT} /etc/systemd/system | grep {_PROJECT}"
    names = {line for line in driver.shell(unit, left).split() if not line.startswith("/")}
    assert names == {_tag(unit), *(f"{_PROJECT}@{_tag(unit)}.{kind}" for kind in _KINDS)}
    shown = json.loads(driver.act("show-history").results["json"])[0]
    last = before[0][-1]
    assert {key: _with_offset(shown[key]) for key in last} == {
        key: _with_offset(value) for key, value in last.items()
    }
    driver.configure(auto_retrofit=None, frequency=None)
    assert _units_with_timer(driver) == set()


def _credentials(driver: Driver, unit: str) -> dict[str, str]:
    """Return as whom runs ask the cloud, and where."""
    [cloud] = yaml.safe_load(driver.shell(unit, f"cat {_names(driver, unit).state}/clouds.yaml"))[
        "clouds"
    ].values()
    return {**cloud["auth"], "endpoint": cloud.get("image_endpoint_override", "")}


def _shown_image(driver: Driver) -> dict[str, str]:
    """Return what the charm says of the current image, which is that of Glance."""
    outcome = driver.act("show-image")
    assert outcome.status == "completed", outcome
    assert outcome.results["image-id"] == _current(driver)["id"]
    names = ("image-id", "image-name", "tags", "base", "base-hash", "packages", "proof-result")
    return {name: outcome.results[name] for name in names}


def _with_offset(value: object) -> object:
    """Return a time of UTC as today's revisions write it; an earlier one wrote a letter."""
    return re.sub(r"(?<=\d\d:\d\d)Z$", "+00:00", value) if isinstance(value, str) else value


def changes_in_a_row_make_one_run(driver: Driver) -> None:
    """With auto-retrofit on, a run follows the last change; here all is as before by then."""
    unit = driver.leader()
    before, images = _history(driver, unit), _ids(driver)
    driver.configure(auto_retrofit=True)
    for number in range(6):
        driver.configure(image_compression=None if number % 2 else "zlib")
    assert _history(driver, unit) == before
    _await(driver, "active", "a run begins at")
    _until(lambda: _history(driver, unit) != before, "the run")
    [run] = _history(driver, unit)[len(before) :]
    assert (run["trigger"], run["outcome"]) == ("option", "up-to-date")
    _until(lambda: "a run begins at" not in driver.status().message, "the status to say so")
    assert _history(driver, unit)[len(before) :] == [run]
    assert _ids(driver) == images
    driver.configure(auto_retrofit=None)


def paused_unit_begins_nothing(driver: Driver) -> None:
    """A unit stays paused over an upgrade and a power cut, and goes on when it is resumed."""
    unit = driver.leader()
    driver.configure(auto_retrofit=True)
    before = _history(driver, unit)
    assert driver.act("pause").status == "completed"
    driver.upgrade()
    driver.restart(unit)
    _await(driver, "maintenance", "paused")
    assert _units_with_timer(driver) == set()
    driver.shell(unit, f"systemctl start {_names(driver, unit).service}")
    assert _history(driver, unit) == before
    assert driver.act("resume").status == "completed"
    _await(driver, "active", "")
    assert _units_with_timer(driver) == {unit}
    driver.configure(auto_retrofit=None)


def interrupted_run_leaves_nothing(driver: Driver) -> None:
    """A run that is stopped, and one whose machine loses its power, end with one image at last."""
    unit = driver.leader()
    before, runs = _ids(driver), _history(driver, unit)
    driver.configure(auto_retrofit=True)
    driver.configure(image_compression="zlib")
    _until(lambda: _work_directories(driver, unit) != [], "the build to begin")
    _await(driver, "maintenance", "building")
    service = _names(driver, unit).service
    driver.shell(unit, f"systemctl stop {service}")
    assert _work_directories(driver, unit) == []
    assert _ids(driver) == before
    _await(driver, "blocked", "a run begins at")

    # As the timer does after its pause.
    driver.shell(unit, f"systemctl start --no-block {service}")
    _until(lambda: _work_directories(driver, unit) != [], "the second run to begin")
    driver.restart(unit)
    _await(driver, "blocked", "a run begins at")

    driver.shell(unit, f"systemctl start --no-block {service}")
    _until(lambda: len(_history(driver, unit)) > len(runs) + 2, "the third run", _BUILD_TIMEOUT_S)
    [image] = [image for image in driver.images() if image["id"] not in before]
    assert image["status"] == "active"
    assert _TAG in image["tags"]
    assert _work_directories(driver, unit) == []
    added = _history(driver, unit)[len(runs) :]
    assert [(run["trigger"], run["outcome"]) for run in added] == [
        ("option", "interrupted"),
        ("retry", "lost"),
        ("retry", "published"),
    ]
    _await(driver, "active", image["name"])
    driver.configure(auto_retrofit=None, image_compression=None)


def image_is_forced(driver: Driver) -> None:
    """With ``force`` the same image is built again, here from a named base image."""
    base = _newest_base(driver)
    outcome = driver.act("retrofit-image", source_image=base["id"], force=True)
    assert outcome.status == "completed", outcome
    assert outcome.results["source"] == base["id"]
    _check_image(driver, outcome, depth=SHALLOWEST)


def images_are_compared(driver: Driver) -> None:
    """Of two builds with the same ingredients no package differs."""
    outcome = driver.act("diff-images")
    assert outcome.status == "completed", outcome
    assert outcome.results["to"] == _current(driver)["id"]
    assert outcome.results["from"] != outcome.results["to"]
    assert not {"added", "removed", "upgraded", "downgraded"} & outcome.results.keys()


def image_is_rolled_back(driver: Driver) -> None:
    """The previous image is current again, and stays so."""
    present = _current(driver)
    outcome = driver.act("rollback-image")
    assert outcome.status == "completed", outcome
    current = _current(driver)
    assert outcome.results["image-id"] == current["id"] != present["id"]
    assert outcome.results["rolled-back"] == present["id"]
    assert "retrofit_state" not in current
    _await(driver, "active", "rolled back to it")
    before = _ids(driver)
    again = driver.act("retrofit-image")
    assert again.status == "failed"
    assert current["id"] in again.message
    assert _ids(driver) == before


def shadowing_image_is_reported(driver: Driver) -> None:
    """A shadowing image is reported, with what to do about it."""
    owner = _current(driver)["owner"]
    shadowing_image = driver.upload_shadowing_image(_TAG)
    outcome = driver.act("retrofit-image")
    assert outcome.status == "failed"
    _await(driver, "active", shadowing_image["id"])
    assert f"amp-image-owner-id={owner}" in driver.status().message
    driver.delete_image(shadowing_image["id"])
    driver.act("retrofit-image")
    assert shadowing_image["id"] not in driver.status().message


def run_without_a_base_fails(driver: Driver) -> None:
    """A run by itself that finds no base image stands in the history."""
    unit = driver.leader()
    driver.configure(auto_retrofit=True, retrofit_series="jammy")
    before = _history(driver, unit)
    driver.shell(unit, f"systemctl start {_names(driver, unit).service} || true")
    [run] = _history(driver, unit)[len(before) :]
    assert (run["outcome"], run["exit-code"]) == ("failed", 66)
    _await(driver, "blocked", "no base image")


def nothing_is_left(driver: Driver) -> None:
    """A removed charm leaves neither service, timer, credentials nor work directory."""
    unit = driver.units[0]
    driver.remove()
    places = "/etc/systemd/system /var/lib /var/cache /var/tmp"
    assert driver.shell(unit, f"find {places} | grep -v juju | grep retrofit || true") == ""


ALL = (
    deployed_without_cloud,
    ready_with_cloud,
    wrong_option_is_named,
    first_image_is_planned,
    image_is_published,
    same_image_is_not_built_again,
    image_is_proved_again,
    image_is_shown,
    timer_starts_a_run,
    window_holds_runs_back,
    service_that_cannot_begin_is_reported,
    leader_has_the_timer,
    upgrade_keeps_what_is_there,
    changes_in_a_row_make_one_run,
    image_is_forced,
    images_are_compared,
    image_is_rolled_back,
    shadowing_image_is_reported,
    interrupted_run_leaves_nothing,
    nothing_is_left,
)


def named(parameters: Mapping[str, str | bool]) -> dict[str, str | bool]:
    """Return parameters by the names that Juju knows."""
    return {name.rstrip("_").replace("_", "-"): value for name, value in parameters.items()}


def upload_shadowing_image(
    connection: openstack.connection.Connection, tag: str
) -> dict[str, Any]:
    """Make a public image of the connection's project with a tag, and return it."""
    body = {
        "name": "amphora-haproxy-of-somebody-else",
        "container_format": "bare",
        "disk_format": "raw",
        "visibility": "public",
        "tags": [tag],
    }
    created: dict[str, Any] = connection.image.post("/images", json=body).json()
    content = {"data": b"no image", "headers": {"Content-Type": "application/octet-stream"}}
    connection.image.put(f"/images/{created['id']}/file", **content).raise_for_status()
    return created


def _check_image(driver: Driver, outcome: Outcome, *, depth: str) -> None:
    """Compare what an action said of its image with what Glance has, and that with its base."""
    images = {image["id"]: image for image in driver.images()}
    image, base = images[outcome.results["image-id"]], images[outcome.results["source"]]
    assert image["status"] == "active"
    assert image["name"] == outcome.results["image-name"]
    assert image["name"] == "-".join(
        [
            "amphora-haproxy",
            base["architecture"],
            base["os_distro"],
            base["os_version"],
            base["version_name"],
        ]
    )
    assert image["size"] == int(outcome.results["image-size"])
    assert image["container_format"] == "bare"
    assert image["disk_format"] == "qcow2"
    assert image["architecture"] == base["architecture"]
    assert image["source_product_name"] == base["product_name"]
    assert image["source_version_name"] == base["version_name"]
    assert set(image["tags"]) == {"octavia-diskimage-retrofit", _TAG}
    assert (image["retrofit_proof_depth"], image["retrofit_proof_result"]) == (depth, "passed")
    assert "retrofit_state" not in image
    assert float(outcome.results["duration"].removesuffix(" s")) > 0


def _current(driver: Driver) -> dict[str, Any]:
    """Return the image that Octavia selects: the newest with the tag."""
    return next(image for image in driver.images() if _TAG in image["tags"])


def _last_lines(driver: Driver) -> str:
    """Return what the service of the leader wrote last."""
    leader = driver.leader()
    service = _names(driver, leader).service
    return driver.shell(leader, f"journalctl --unit {service} --no-pager --lines 30")


def _newest_base(driver: Driver) -> dict[str, Any]:
    return next(image for image in driver.images() if image.get("product_name"))


def _ids(driver: Driver) -> list[str]:
    return [image["id"] for image in driver.images()]


def _tag(unit: str) -> str:
    return unit.replace("/", "-")


def _names(driver: Driver, unit: str) -> Names:
    """Return what a unit has on its machine: previous revisions shared the names."""
    service = f"{_PROJECT}.service"
    is_shared = driver.shell(unit, f"ls /etc/systemd/system/{service} 2>/dev/null || true")
    state = f"/var/lib/{_PROJECT}"
    if is_shared:
        return Names(state, "/var/tmp", service, f"{_PROJECT}.timer", f"{_PROJECT}-next.timer")
    tag = _tag(unit)
    return Names(
        f"{state}/{tag}",
        f"/var/cache/{_PROJECT}/{tag}/work",
        f"{_PROJECT}@{tag}.service",
        f"{_PROJECT}@{tag}.timer",
        f"{_PROJECT}-next@{tag}.timer",
    )


def _calendar(driver: Driver, unit: str) -> str:
    """Return when the timer starts the service."""
    timer = _names(driver, unit).timer
    shown = f"systemctl show --value -p TimersCalendar {timer} | grep -o 'OnCalendar=[^;]*'"
    return driver.shell(unit, shown)


def _units_with_timer(driver: Driver) -> set[str]:

    def is_active(unit: str) -> bool:
        script = f"systemctl is-active {_names(driver, unit).timer} || true"
        return driver.shell(unit, script).strip() == "active"

    return set(filter(is_active, driver.units))


def _invocation(driver: Driver, unit: str) -> str:
    """Return what names the last start of the service."""
    return driver.shell(
        unit, f"systemctl show --value -p InvocationID {_names(driver, unit).service}"
    ).strip()


def _builds(driver: Driver, unit: str) -> bool:
    service = _names(driver, unit).service
    state = driver.shell(unit, f"systemctl show --value -p ActiveState {service}").strip()
    return state not in ("inactive", "failed")


def _result(driver: Driver, unit: str) -> dict[str, Any]:
    """Return what the last run left."""
    found: dict[str, Any] = json.loads(
        driver.shell(unit, f"cat {_names(driver, unit).state}/result.json")
    )
    return found


def _history(driver: Driver, unit: str) -> list[dict[str, Any]]:
    """Return the last runs, oldest first."""
    path = f"{_names(driver, unit).state}/history.jsonl"
    lines = driver.shell(unit, f"cat {path} 2>/dev/null || true").splitlines()
    return [json.loads(line) for line in lines]


def _work_directories(driver: Driver, unit: str) -> list[str]:
    """Return the directories of builds, and mounts in them."""
    work = _names(driver, unit).work
    directories = f"ls -d {work}/retrofit-*/ 2>/dev/null"
    mounts = f"grep -o '{work}/retrofit-[^ ]*' /proc/mounts"
    return driver.shell(unit, f"{directories}; {mounts}; true").split()


def _await(driver: Driver, status: str, part: str) -> None:
    """Wait until the first unit shows a status, and a message with a part."""
    _until(
        lambda: driver.status().status == status and part in driver.status().message,
        lambda: f"{status}: …{part}…; it is {driver.status()}",
    )


def _until(
    happened: Callable[[], bool],
    what: str | Callable[[], str],
    timeout_s: float = _STATUS_TIMEOUT_S,
) -> None:
    """Wait for something that is bound to happen."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(1)
