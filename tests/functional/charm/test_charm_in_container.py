"""The packed charm, in an unprivileged container, beside a real cloud."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable
from unittest import mock

import pytest
import yaml
from tests import scenarios
from tests.support.charm import deployment, pack
from tests.support.charm.unit_agent import charm
from tests.support.provenance import records
from tests.support.publishing import publishing

from retrofit import cloud
from retrofit.provenance import description

pytestmark = pytest.mark.in_order

_STATE = "/var/lib/octavia-diskimage-retrofit"

# Each is a process, and Juju runs update-status every few minutes for ever.
_HOOK_TOOLS = 12


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


def test_upgrade_from_a_previous_revision(
    driver: deployment.Deployment, image_file: pathlib.Path
) -> None:
    """All is as it was, and runs go on; the machine had a unit before."""
    driver.agent.packed = charm.PackedCharm(pack.previous())
    scenarios.deployed_without_cloud(driver)
    scenarios.ready_with_cloud(driver)
    driver.configure(amp_image_tag=publishing.TAG)
    _publish(driver, image_file)
    scenarios.run_without_a_base_fails(driver)

    scenarios.upgrade_keeps_what_is_there(driver)
    driver.agent.update_status()
    assert driver.agent.hook_tools <= _HOOK_TOOLS

    scenarios.run_without_a_base_fails(driver)
    scenarios.nothing_is_left(driver)


def _publish(driver: deployment.Deployment, file: pathlib.Path) -> None:
    """Publish an image with what it was made of, as the unit's user; nothing is built."""
    [path] = driver.script(f"ls {_STATE}/clouds.yaml {_STATE}/*/clouds.yaml || true").split()
    [given] = yaml.safe_load(driver.script(f"cat {path}"))["clouds"].values()
    settings = driver.cloud.clouds_yaml(
        file.with_name("clouds.yaml"), password=given["auth"]["password"]
    )
    further = description.properties(records.described(), records.PACKAGES)
    with (
        mock.patch.dict(os.environ, OS_CLIENT_CONFIG_FILE=str(settings)),
        contextlib.closing(cloud.connect("retrofit", region=None, interface=None)) as connection,
    ):
        publishing.published(connection, file, "20260801", further=further)
