"""The scenarios' driver for a real controller."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
from typing import Any

import jubilant
import openstack
import pytest
from pytest_operator import plugin
from tests import scenarios
from tests.support.charm import pack

_APP = "octavia-diskimage-retrofit"
_PRINCIPAL = "machine"
_BUNDLE = pathlib.Path(__file__).with_name("bundle.yaml")
_CLOUD_TIMEOUT_S = 7200
_BUILD_TIMEOUT_S = 6 * 3600
_SETTLE_TIMEOUT_S = 1800
_MARK = "/run/to-be-restarted"


@dataclasses.dataclass
class JujuDriver:
    """Drives the scenarios through Juju; see :class:`tests.scenarios.Driver`.

    Attributes:
        juju: The model.
        packed: The packed charm.
    """

    juju: jubilant.Juju
    packed: pathlib.Path
    _machines: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def units(self) -> list[str]:
        return sorted(self._machines)

    def leader(self) -> str:
        return next((name for name, unit in self._units().items() if unit.leader), "")

    def deploy(self) -> None:
        self.juju.deploy(self.packed, _APP, num_units=0, base="ubuntu@24.04")
        self.juju.integrate(f"{_APP}:juju-info", f"{_PRINCIPAL}:juju-info")
        self._settle()
        principals = self.juju.status().apps[_PRINCIPAL].units
        self._machines = {
            name: principal.machine
            for principal in principals.values()
            for name in principal.subordinates
            if name.startswith(f"{_APP}/")
        }

    def relate(self) -> None:
        self.juju.integrate(f"{_APP}:identity-credentials", "keystone:identity-credentials")
        self.juju.integrate(f"{_APP}:image-service", "glance:image-service")
        self._settle()

    def configure(self, **options: str | bool | None) -> None:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        reset = [name for name, value in named.items() if value is None]
        given = {name: value for name, value in named.items() if value is not None}
        if given:
            self.juju.config(_APP, given)
        if reset:
            self.juju.config(_APP, reset=reset)
        self._settle()

    def act(self, action: str, **parameters: str | bool) -> scenarios.Outcome:
        given = scenarios.named(parameters)
        try:
            task = self.juju.run(self.leader(), action, given, wait=_BUILD_TIMEOUT_S)
        except jubilant.TaskError as failed:
            task = failed.task
        return scenarios.Outcome(task.status, task.message, task.results)

    def status(self) -> scenarios.Status:
        workload = self._units()[self.leader()].workload_status
        return scenarios.Status(workload.current, workload.message)

    def move_leadership(self) -> None:
        # A leader that is silent loses its office; back again, it learns that it did.
        previous = self.leader()
        self._agent("stop", previous)
        self.juju.wait(lambda _: self.leader() not in ("", previous), timeout=_SETTLE_TIMEOUT_S)
        self._agent("start", previous)
        self._settle()

    def restart(self, unit: str) -> None:
        machine = self._machines[unit]
        # What is in /run is gone then. The connection breaks with the machine.
        power_cut = "sleep 1; systemctl reboot --force --force"
        script = f"touch {_MARK}; nohup sh -c '{power_cut}' >/dev/null 2>&1 &"
        self.juju.ssh(machine, f"sudo sh -c {shlex.quote(script)}")
        asked = f"test -e {_MARK} || echo up"
        self.juju.wait(lambda _: "up" in self._answers(machine, asked), timeout=_SETTLE_TIMEOUT_S)
        self._settle()

    def upgrade(self) -> None:
        self.juju.refresh(_APP, path=self.packed)
        self._settle()

    def shell(self, unit: str, script: str) -> str:
        return self.juju.ssh(self._machines[unit], f"sudo sh -c {shlex.quote(script)}")

    def images(self) -> list[dict[str, Any]]:
        with self._connection() as connection:
            params = {"sort": "created_at:desc", "limit": "1000"}
            listing = connection.image.get("/images", params=params).json()
        found: list[dict[str, Any]] = listing["images"]
        return found

    def upload_shadowing_image(self, tag: str) -> dict[str, Any]:
        with self._connection() as connection:
            return scenarios.upload_shadowing_image(connection, tag)

    def delete_image(self, image_id: str) -> None:
        with self._connection() as connection:
            connection.image.delete_image(image_id)

    def remove(self) -> None:
        self.juju.remove_application(_APP)
        self.juju.wait(lambda status: _APP not in status.apps, timeout=_SETTLE_TIMEOUT_S)

    def _units(self) -> dict[str, Any]:
        principals = self.juju.status().apps[_PRINCIPAL].units
        return {
            name: unit
            for principal in principals.values()
            for name, unit in principal.subordinates.items()
            if name.startswith(f"{_APP}/")
        }

    def _settle(self) -> None:
        """Wait until no hook of the charm runs."""
        self.juju.wait(
            lambda status: jubilant.all_agents_idle(status, _APP), timeout=_SETTLE_TIMEOUT_S
        )

    def _answers(self, machine: str, script: str) -> str:
        """Return what a script prints on a machine, or nothing while that cannot be reached."""
        try:
            return self.juju.ssh(machine, f"sudo sh -c {shlex.quote(script)}")
        except jubilant.CLIError:
            return ""

    def _agent(self, verb: str, unit: str) -> None:
        """Start or stop Juju's agent on a unit's machine."""
        machine = self._machines[unit]
        service = f"jujud-machine-{machine.replace('/', '-')}.service"
        self.juju.ssh(machine, "sudo", "systemctl", verb, service)

    def _connection(self) -> openstack.connection.Connection:
        keystone = self.juju.status().apps["keystone"].units["keystone/0"]
        password = self.juju.run("keystone/0", "get-admin-password").results["admin-password"]
        return openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            auth={
                "auth_url": f"http://{keystone.public_address}:5000/v3",
                "username": "admin",
                "password": password,
                "project_name": "admin",
                "user_domain_name": "admin_domain",
                "project_domain_name": "admin_domain",
            },
            region_name="RegionOne",
        )


@pytest.fixture(scope="module")
def driver(ops_test: plugin.OpsTest) -> JujuDriver:
    """A model of pytest-operator's with a cloud in it that has a base image."""
    juju = jubilant.Juju(model=ops_test.model_full_name)
    juju.deploy(_BUNDLE)
    juju.wait(jubilant.all_active, timeout=_CLOUD_TIMEOUT_S)
    juju.run("glance-simplestreams-sync/0", "sync-images", wait=_CLOUD_TIMEOUT_S)
    packed = os.environ.get("CHARM_PATH")
    return JujuDriver(juju, pathlib.Path(packed) if packed else pack.charm())
