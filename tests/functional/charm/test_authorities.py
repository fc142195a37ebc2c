"""A cloud whose authority the machine trusts, the relation hands out, both, or neither."""

from __future__ import annotations

import pytest
from tests import scenarios
from tests.support.charm import deployment
from tests.support.charm.unit_agent import peers

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_STORED = "/usr/local/share/ca-certificates/cloud.crt"


def test_trusted_where_either_has_the_authority(driver: deployment.Deployment) -> None:
    scenarios.deployed_without_cloud(driver)
    driver.agent.relate("image-service", peers.Glance(driver.cloud))
    driver.agent.relate("identity-credentials", driver.keystone)
    _is_refused(driver)

    authority = driver.cloud.ca_path.read_text()
    driver.script(f"cat > {_STORED} <<'END'\n{authority}END\nupdate-ca-certificates")
    _is_asked(driver)
    driver.agent.relate("certificates", peers.Vault(driver.cloud))
    _is_asked(driver)
    driver.script(f"rm {_STORED} && update-ca-certificates --fresh")
    _is_asked(driver)
    driver.agent.unrelate("certificates")
    _is_refused(driver)


def test_nothing_is_left(driver: deployment.Deployment) -> None:
    scenarios.nothing_is_left(driver)


def _is_asked(driver: deployment.Deployment) -> None:
    driver.agent.update_status()
    assert driver.status().status == "active", driver.status()
    # An action asks the cloud itself.
    assert driver.act("plan").status == "completed"


def _is_refused(driver: deployment.Deployment) -> None:
    driver.agent.update_status()
    assert driver.status().status == "blocked", driver.status()
    assert "authority that is not trusted" in driver.status().message
    assert driver.act("plan").status == "failed"
