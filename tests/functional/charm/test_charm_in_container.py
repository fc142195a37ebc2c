"""The packed charm, in an unprivileged container, beside a real cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests import scenarios
from tests.support.base_images import base_images
from tests.support.charm import deployment, pack
from tests.support.charm.unit_agent import charm

pytestmark = pytest.mark.in_order

# Each is a process, and Juju runs update-status every few minutes for ever.
_HOOK_TOOLS = 12


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    with deployment.ready(pack.charm(), tmp_path_factory.mktemp("hooks")) as ready:
        deployment.upload_base(ready.cloud, base_images.noble())
        yield ready


def test_machine_is_bare(driver: deployment.Deployment) -> None:
    """Other ids than the host's, neither KVM nor loop devices: all that Juju's default gives."""
    [unit] = driver.units
    inside, outside, _ = driver.shell(unit, "head -n 1 /proc/self/uid_map").split()
    assert inside == "0"
    assert outside != "0"
    devices = driver.shell(unit, "ls /dev").split()
    assert [name for name in devices if name == "kvm" or name.startswith("loop")] == []
    assert driver.shell(unit, "cat /proc/1/comm").strip() == "systemd"


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.__name__)
def test_scenario(
    driver: deployment.Deployment, scenario: Callable[[scenarios.Driver], None]
) -> None:
    scenario(driver)


def test_upgrade_from_a_previous_revision(driver: deployment.Deployment) -> None:
    """Schedule and history stay, and runs go on; the machine had a unit before."""
    driver.agent.packed = charm.PackedCharm(pack.previous())
    scenarios.deployed_without_cloud(driver)
    scenarios.ready_with_cloud(driver)
    scenarios.run_without_a_base_fails(driver)

    scenarios.upgrade_keeps_schedule_and_history(driver)
    driver.agent.update_status()
    assert driver.agent.hook_tools <= _HOOK_TOOLS

    scenarios.run_without_a_base_fails(driver)
    scenarios.nothing_is_left(driver)
