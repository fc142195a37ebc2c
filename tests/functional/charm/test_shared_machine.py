"""Two applications on one machine: neither touches what the other has, and nothing stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests import scenarios
from tests.support.charm import deployment, traces

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_PROJECT = "octavia-diskimage-retrofit"
_TIMEOUT_S = 60
_BUILD_TIMEOUT_S = 1200


@pytest.fixture(scope="module")
def second(driver: deployment.Deployment) -> Iterator[deployment.Deployment]:
    deployment.upload_trixie(driver.cloud)
    with deployment.beside(driver, "retrofit-weekly") as ready:
        yield ready
        ready.clear()


def test_each_has_its_own(driver: deployment.Deployment, second: deployment.Deployment) -> None:
    for each, series, tag, frequency in (
        (driver, "bookworm", "one", "daily"),
        (second, "trixie", "two", "weekly"),
    ):
        scenarios.deployed_without_cloud(each)
        traces.mark(each)
        scenarios.ready_with_cloud(each)
        each.configure(retrofit_series=series, amp_image_tag=tag)
        each.configure(frequency=frequency, auto_retrofit=True)

    for each, version, tag in ((driver, "12", "one"), (second, "13", "two")):
        planned = each.act("plan")
        assert planned.status == "completed", planned
        assert f"no image of this project has the tag {tag}" in planned.results["summary"]
        assert f":{version}:" in planned.results["base"]
    timers = driver.script(f"systemctl list-timers --no-legend '{_PROJECT}@*'")
    assert len(timers.splitlines()) == 2


def test_a_command_ends_with_its_action(driver: deployment.Deployment) -> None:
    ended: list[scenarios.Outcome] = []
    action = threading.Thread(target=lambda: ended.append(driver.act("plan")))
    action.start()
    _until(lambda: any("-action@" in unit for unit in traces.units(driver)))

    # As Juju cancels an action.
    driver.script(f"kill -9 $(pgrep -f '{driver.agent.machine.tag}/charm/src/[c]harm.py')")
    action.join()

    assert ended[0].status == "failed"
    traces.await_none(
        lambda: [unit for unit in traces.units(driver) if "-action@" in unit or "-watch@" in unit]
    )


def test_both_build_at_once(driver: deployment.Deployment, second: deployment.Deployment) -> None:
    """Each publishes an image of its own series, with its own tag."""
    for each, series, tag in ((driver, "bookworm", "one"), (second, "trixie", "two")):
        each.configure(
            auto_retrofit=False,
            proof_depth="rest",
            image_definitions=deployment.plain(tag, series=series),
        )
        begun = each.act("retrofit-image", wait=False)
        assert begun.status == "completed", begun
    building = f"systemctl show --property ActiveState '{_PROJECT}@*.service'"
    assert driver.script(building).count("=activating") == 2
    _until(lambda: "=activating" not in driver.script(building), _BUILD_TIMEOUT_S)

    for each, version, tag in ((driver, "12", "one"), (second, "13", "two")):
        each.configure(auto_retrofit=True)
        assert each.status().status == "active", each.status()
        [image] = [image for image in each.images() if tag in image["tags"]]
        assert (image["status"], image["os_version"]) == ("active", version)
        assert image["name"] in each.status().message


def test_removing_one_leaves_the_other(
    driver: deployment.Deployment, second: deployment.Deployment
) -> None:
    kept = f"cd /var/lib/{_PROJECT}/*-retrofit-0 && sha256sum request.json clouds.yaml *.jsonl"
    before, status = driver.script(kept), _lasting(driver)
    [other] = [image["id"] for image in driver.images() if "two" in image["tags"]]

    second.remove()

    assert traces.named(second, second.agent.machine.tag.removeprefix("unit-")) == []
    assert driver.script(kept) == before
    driver.agent.update_status()
    assert _lasting(driver) == status
    assert "daily" in driver.script(f"systemctl cat '{_PROJECT}@*.timer'")
    assert driver.act("plan").results["action"] == "none"
    rebuilt = driver.act("retrofit-image", force=True)
    assert rebuilt.status == "completed", rebuilt
    tagged = {tag: image["id"] for image in driver.images()[::-1] for tag in image["tags"]}
    assert tagged["one"] == rebuilt.results["image-id"]
    assert tagged["two"] == other


def test_nothing_is_left_of_both(driver: deployment.Deployment) -> None:
    driver.remove()

    assert traces.named(driver, _PROJECT) == []
    assert traces.newer(driver) == []
    assert traces.units(driver) == []


def _lasting(application: deployment.Deployment) -> tuple[str, str]:
    """Return the status without what changes with time: how long ago the image was built."""
    shown = application.status()
    return shown.status, shown.message.partition(" built ")[0]


def _until(happened: Callable[[], bool], timeout_s: float = _TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
