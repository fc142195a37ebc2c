"""Runs that are cancelled at each of their steps: nothing is left, and the next one is whole."""

from __future__ import annotations

from concurrent import futures

import pytest
from tests import scenarios
from tests.support.charm import deployment, traces

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_CHARM = "[c]harm/src/charm.py"
# In the order of a run. Some are over in no time, and then it is the next one that is cancelled.
_STEPS = (
    "download",
    "unpack",
    "inspect",
    "grow",
    "open",
    "customise",
    "boot-loader",
    "seal",
    "write-back",
    "convert",
    "upload",
    "prove at rest",
)
_SOME_STEPS = ("unpack", "customise", "write-back")


def test_unit_is_ready(driver: deployment.Deployment) -> None:
    scenarios.deployed_without_cloud(driver)
    scenarios.ready_with_cloud(driver)
    driver.configure(image_definitions=deployment.plain("plain"), proof_depth="rest")


@pytest.mark.parametrize("step", _STEPS)
def test_action_cancels(driver: deployment.Deployment, step: str) -> None:
    begun = driver.act("retrofit-image", force=True, wait=False)
    assert begun.status == "completed", begun
    traces.await_step(driver, step)

    outcome = driver.act("cancel-run")

    assert (outcome.status, outcome.results) == ("completed", {"cancelled": "running"})
    _check_nothing_left(driver)


@pytest.mark.parametrize("step", _SOME_STEPS)
def test_killed_action_cancels(driver: deployment.Deployment, step: str) -> None:
    with futures.ThreadPoolExecutor() as pool:
        action = pool.submit(driver.act, "retrofit-image", force=True)
        traces.await_step(driver, step)
        # As Juju cancels an action.
        driver.script(f"kill -9 $(pgrep -f '{_CHARM}')")
        assert action.result().status == "failed"

    # systemd counts a service as running for a moment after its last process.
    traces.await_none(lambda: traces.of_runs(driver) or traces.started(driver))
    _check_nothing_left(driver)


def test_next_run_is_whole(driver: deployment.Deployment) -> None:
    outcome = driver.act("retrofit-image")

    assert outcome.status == "completed", outcome
    [image] = [each for each in driver.images() if "plain" in each["tags"]]
    assert image["id"] == outcome.results["image-id"]


def _check_nothing_left(driver: deployment.Deployment) -> None:
    assert traces.of_runs(driver) == []
    assert traces.units(driver, failed=True) == []
    assert [each["status"] for each in driver.images()] == ["active"]
    driver.agent.update_status()
    assert driver.status().status == "active"
    assert "the last run was cancelled" in driver.status().message
