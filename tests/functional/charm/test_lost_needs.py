"""Units that lose what they need: packages before an action, credentials during a run."""

from __future__ import annotations

import pytest
from tests import scenarios
from tests.support.charm import deployment, traces

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_CREDENTIALS = "/var/lib/octavia-diskimage-retrofit/*/clouds.yaml"


def test_packages_before_an_action(driver: deployment.Deployment) -> None:
    scenarios.deployed_without_cloud(driver)
    scenarios.ready_with_cloud(driver)
    driver.configure(image_definitions=deployment.plain("plain"), proof_depth="rest")
    driver.script("dpkg --remove --force-depends mtools")

    refused = driver.act("plan")

    assert (refused.status, refused.message) == ("failed", "packages to install: mtools")
    driver.agent.update_status()
    assert driver.status().status == "active"
    assert driver.act("plan").results["action"] == "build"


def test_credentials_during_a_run(driver: deployment.Deployment) -> None:
    """The run has its token and ends by itself; nothing begins after it."""
    begun = driver.act("retrofit-image", wait=False)
    assert begun.status == "completed", begun
    traces.await_step(driver, "customise")

    driver.agent.unrelate("identity-credentials")

    refused = driver.act("retrofit-image")
    for told in (driver.status(), refused):
        assert told.message == "missing relation identity-credentials: relate this to keystone"
    assert (driver.status().status, refused.status) == ("blocked", "failed")
    assert driver.script(f"ls {_CREDENTIALS} || true") == ""
    traces.await_none(lambda: traces.of_runs(driver))
    [image] = [each for each in driver.images() if "plain" in each["tags"]]
    assert image["status"] == "active"
    driver.agent.relate("identity-credentials", driver.keystone)
    assert driver.status().status == "active"
    assert image["name"] in driver.status().message
