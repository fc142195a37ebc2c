"""What the charm does in a model, told once and run by two drivers.

:mod:`tests.support.deployment` drives the packed charm through our unit agent, and
``tests/integration`` drives it through Juju, so the two cannot drift apart. The scenarios build on
each other in the order of :data:`ALL`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_SERVICE = "octavia-diskimage-retrofit.service"
_TIMER = "octavia-diskimage-retrofit.timer"
_TAG = "octavia-amphora"
_STATUS_TIMEOUT_S = 300
_HASTE = "[Timer]\\nOnCalendar=\\nOnActiveSec=2\\nRandomizedDelaySec=0\\nAccuracySec=1\\n"


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

    def retrofit(self, **parameters: str | bool) -> Outcome:
        """Run the action ``retrofit-image`` on the leader."""

    def status(self) -> Status:
        """Return the status of the first unit."""

    def move_leadership(self) -> None:
        """Take leadership from the unit that has it, or give it back."""

    def shell(self, unit: str, script: str) -> str:
        """Run a script as root on a unit's machine, and return what it printed."""

    def images(self) -> list[dict[str, Any]]:
        """Return the images in Glance, newest first."""

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
    mode = driver.shell(
        driver.units[0], "stat -c %a /var/lib/octavia-diskimage-retrofit/clouds.yaml"
    )
    assert mode.strip() == "600"


def wrong_option_is_named(driver: Driver) -> None:
    """A wrong option blocks the unit until it is right again."""
    driver.configure(frequency="fortnightly")
    _await(driver, "blocked", "frequency='fortnightly'")
    outcome = driver.retrofit()
    assert outcome.status == "failed"
    assert "frequency" in outcome.message
    driver.configure(frequency=None)
    _await(driver, "active", "")


def image_is_published(driver: Driver) -> None:
    """The action ends with the image, which is in Glance as its consumers expect it."""
    driver.configure(amp_image_tag=_TAG)
    outcome = driver.retrofit()
    assert outcome.status == "completed", outcome
    _check_image(driver, outcome)
    _await(driver, "active", outcome.results["image-name"])


def same_image_is_not_built_again(driver: Driver) -> None:
    """A second run fails, and says why."""
    before = _ids(driver)
    outcome = driver.retrofit()
    assert outcome.status == "failed"
    assert "up to date" in outcome.message
    assert _ids(driver) == before


def timer_starts_a_run(driver: Driver) -> None:
    """The leader's timer starts the service, which finds the image up to date."""
    before = _ids(driver)
    driver.configure(auto_retrofit=True, frequency="hourly")
    unit = driver.leader()
    assert _units_with_timer(driver) == {unit}
    former = _invocation(driver, unit)
    drop_in = f"/run/systemd/system/{_TIMER}.d"
    driver.shell(
        unit,
        f"mkdir -p {drop_in} && printf '{_HASTE}' > {drop_in}/soon.conf"
        f" && systemctl daemon-reload && systemctl restart {_TIMER}",
    )
    _until(lambda: _invocation(driver, unit) not in ("", former), "the timer to fire")
    triggered = driver.shell(unit, f"systemctl show --value -p LastTriggerUSec {_TIMER}").strip()
    assert triggered not in ("", "n/a")
    driver.shell(unit, f"rm -r {drop_in} && systemctl daemon-reload && systemctl restart {_TIMER}")
    _until(lambda: not _builds(driver, unit), "the run to end")
    _await(driver, "active", "found up to date")
    assert _result(driver, unit)["outcome"] == "up-to-date"
    assert not _result(driver, unit)["run-id"]
    assert _ids(driver) == before


def leader_has_the_timer(driver: Driver) -> None:
    """The schedule moves with the leadership."""
    for _ in range(2):
        driver.move_leadership()
        _until(
            lambda: _units_with_timer(driver) == {driver.leader()} & set(driver.units),
            lambda: f"the timer on {driver.leader()}; it is on {_units_with_timer(driver)}",
        )
    driver.configure(auto_retrofit=None, frequency=None)
    assert _units_with_timer(driver) == set()


def changed_option_starts_a_build(driver: Driver) -> None:
    """With auto-retrofit on, a changed option starts a build; ended early, it leaves nothing."""
    before = _ids(driver)
    unit = driver.leader()
    driver.configure(auto_retrofit=True)
    driver.configure(amp_image_tag="another-tag")
    _await(driver, "maintenance", "building")
    _until(lambda: _work_directories(driver, unit) != [], "the build to begin")
    driver.shell(unit, f"systemctl stop {_SERVICE}")
    assert _work_directories(driver, unit) == []
    assert _ids(driver) == before
    _await(driver, "blocked", "last build failed")
    driver.configure(auto_retrofit=None, amp_image_tag=_TAG)


def image_is_forced(driver: Driver) -> None:
    """With ``force`` the same image is built again, here from a named base image."""
    base = _newest_base(driver)
    outcome = driver.retrofit(source_image=base["id"], force=True)
    assert outcome.status == "completed", outcome
    assert outcome.results["source"] == base["id"]
    _check_image(driver, outcome)


def nothing_is_left(driver: Driver) -> None:
    """A removed charm leaves neither service, timer, credentials nor work directory."""
    unit = driver.units[0]
    driver.remove()
    for path in (
        f"/etc/systemd/system/{_SERVICE}",
        f"/etc/systemd/system/{_TIMER}",
        "/var/lib/octavia-diskimage-retrofit",
    ):
        assert driver.shell(unit, f"ls -d {path} 2>/dev/null || true") == ""
    assert _work_directories(driver, unit) == []


ALL = (
    deployed_without_cloud,
    ready_with_cloud,
    wrong_option_is_named,
    image_is_published,
    same_image_is_not_built_again,
    timer_starts_a_run,
    leader_has_the_timer,
    changed_option_starts_a_build,
    image_is_forced,
    nothing_is_left,
)


def _check_image(driver: Driver, outcome: Outcome) -> None:
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
    assert float(outcome.results["duration"].removesuffix(" s")) > 0


def _newest_base(driver: Driver) -> dict[str, Any]:
    return next(image for image in driver.images() if image.get("product_name"))


def _ids(driver: Driver) -> list[str]:
    return [image["id"] for image in driver.images()]


def _units_with_timer(driver: Driver) -> set[str]:
    script = f"systemctl is-active {_TIMER} || true"
    return {unit for unit in driver.units if driver.shell(unit, script).strip() == "active"}


def _invocation(driver: Driver, unit: str) -> str:
    """Return what names the last start of the service."""
    return driver.shell(unit, f"systemctl show --value -p InvocationID {_SERVICE}").strip()


def _builds(driver: Driver, unit: str) -> bool:
    state = driver.shell(unit, f"systemctl show --value -p ActiveState {_SERVICE}").strip()
    return state not in ("inactive", "failed")


def _result(driver: Driver, unit: str) -> dict[str, Any]:
    """Return what the last run left."""
    found: dict[str, Any] = json.loads(
        driver.shell(unit, "cat /var/lib/octavia-diskimage-retrofit/result.json")
    )
    return found


def _work_directories(driver: Driver, unit: str) -> list[str]:
    """Return the directories of builds, and mounts in them."""
    directories = "ls -d /var/tmp/retrofit-*/ 2>/dev/null"
    mounts = "grep -o '/var/tmp/retrofit-[^ ]*' /proc/mounts"
    return driver.shell(unit, f"{directories}; {mounts}; true").split()


def _await(driver: Driver, status: str, part: str) -> None:
    """Wait until the first unit shows a status, and a message with a part."""
    _until(
        lambda: driver.status().status == status and part in driver.status().message,
        lambda: f"{status}: …{part}…; it is {driver.status()}",
    )


def _until(happened: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Wait for something that is bound to happen."""
    deadline = time.monotonic() + _STATUS_TIMEOUT_S
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(1)
