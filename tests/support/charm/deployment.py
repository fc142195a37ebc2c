"""A cloud, and the packed charm deployed beside it in a container."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

from tests import scenarios

from ..base_images import base_images
from ..cloud import cloud
from . import agent as agent_module
from . import container, lxd
from .unit_agent import charm, peers

_LOG = logging.getLogger(__name__)
_SYS_MODULES = pathlib.Path("/sys/module")
# Builds must do without it, whatever the machine has on which the tests run.
_WITHHELD = "/dev/kvm"
_TURN = threading.Lock()


@dataclasses.dataclass
class Deployment:
    """Drives the scenarios through the unit agent; see :class:`tests.scenarios.Driver`.

    Attributes:
        cloud: The cloud.
        agent: The unit's agent.
        present: The charm to upgrade to.
        keystone: The application that gives the credentials.
    """

    cloud: cloud.Cloud
    agent: agent_module.Agent
    present: charm.PackedCharm
    keystone: peers.Keystone

    @property
    def units(self) -> list[str]:
        return [self.agent.unit.name]

    def leader(self) -> str:
        # The other unit is none that could be seen; the tests run one machine.
        application = self.agent.unit.application
        return self.agent.unit.name if self.agent.unit.leader else f"{application}/1"

    def deploy(self) -> None:
        self.agent.relate("juju-info", peers.Principal())
        # The first unit of an application becomes its leader.
        self.agent.deploy(leader=self.agent.unit.name.endswith("/0"))

    def relate(self) -> None:
        self.agent.relate("certificates", peers.Vault(self.cloud))
        self.agent.relate("image-service", peers.Glance(self.cloud))
        self.agent.relate("identity-credentials", self.keystone)

    def configure(self, **options: str | bool | None) -> None:
        self.agent.configure(**options)

    def act(self, action: str, **parameters: str | bool) -> scenarios.Outcome:
        result = self.agent.run_action(action, scenarios.named(parameters))
        return scenarios.Outcome(result.status, result.message, dict(result.results))

    def status(self) -> scenarios.Status:
        status = self.agent.unit.status
        return scenarios.Status(status.status, status.message)

    def move_leadership(self) -> None:
        self.agent.set_leader(not self.agent.unit.leader)

    def restart(self, unit: str) -> None:
        assert unit == self.agent.unit.name
        self.agent.restart()

    def upgrade(self) -> None:
        self.agent.upgrade(self.present)

    def shell(self, unit: str, script: str) -> str:
        assert unit == self.agent.unit.name
        return self.script(script, timeout_s=60)

    def script(self, text: str, *, timeout_s: float = 600) -> str:
        """Run a script as root on the unit's machine, and return what it printed."""
        return self.agent.machine.container.run(["sh", "-c", text], timeout_s=timeout_s).stdout

    def images(self) -> list[dict[str, Any]]:
        return self.cloud.images()

    def upload_shadowing_image(self, tag: str) -> dict[str, Any]:
        with self.cloud.admin() as connection:
            return scenarios.upload_shadowing_image(connection, tag)

    def delete_image(self, image_id: str) -> None:
        with self.cloud.admin() as connection:
            connection.image.delete_image(image_id)

    def remove(self) -> None:
        self.agent.remove()

    def clear(self) -> None:
        """Remove the charm if it is there."""
        if self.agent.machine.has_charm():
            self.remove()


@contextlib.contextmanager
def ready(packed: pathlib.Path, logs: pathlib.Path, *, series: str = "") -> Iterator[Deployment]:
    """Start a cloud and a machine for the charm; :meth:`Deployment.deploy` comes next.

    Args:
        packed: The packed charm.
        logs: Directory that receives a log of each operation.
        series: Code name of the machine's release; empty for the host's own.
    """
    the_charm = charm.PackedCharm(packed)
    with (
        cloud.running() as running_cloud,
        lxd.running() as daemon,
        container.launched(
            daemon,
            "unit",
            charm_profile=_possible_profile(the_charm.lxd_profile),
            series=series,
        ) as machine,
    ):
        machine.join_port(running_cloud.keystone_port)
        machine.join_port(running_cloud.glance_port)
        keystone = peers.Keystone(running_cloud)
        with _agent(machine, the_charm, logs) as agent:
            yield Deployment(running_cloud, agent, the_charm, keystone)


@contextlib.contextmanager
def beside(first: Deployment, application: str = "", *, number: int = 0) -> Iterator[Deployment]:
    """Put another unit on the machine of a first one, beside the same cloud.

    Args:
        first: The first one.
        application: Of which application; empty for that of the first one.
        number: Number of the unit.
    """
    machine, logs = first.agent.machine.container, first.agent.logs
    with _agent(machine, first.present, logs, application=application, number=number) as agent:
        yield dataclasses.replace(first, agent=agent)


@contextlib.contextmanager
def _agent(
    machine: container.Container,
    packed: charm.PackedCharm,
    logs: pathlib.Path,
    *,
    application: str = "",
    number: int = 0,
) -> Iterator[agent_module.Agent]:
    """Start the agent of a unit; all those of a test run one operation at a time."""
    agent = agent_module.Agent(
        machine,
        packed,
        logs=logs,
        principal=f"{peers.Principal.application}/{number}",
        application=application,
        number=number,
        turn=_TURN,
    )
    with agent.serving():
        yield agent


def upload_base(running_cloud: cloud.Cloud, image: pathlib.Path, **properties: str) -> str:
    """Upload a base image as glance-simplestreams-sync would, and return its id.

    Args:
        running_cloud: Where to.
        image: The image file.
        properties: In place of those of the Debian 12 that the tests bootstrap.
    """
    debian = {
        "os_distro": "debian",
        "os_version": "12",
        "product_name": "org.debian.cloud.daily:server:12:amd64",
    }
    return running_cloud.upload_base(image, **(debian | properties))


def upload_trixie(running_cloud: cloud.Cloud) -> str:
    """Upload a base image of Debian 13, and return its id."""
    return upload_base(
        running_cloud,
        base_images.debian_cloud(),
        os_version="13",
        product_name="org.debian.cloud.daily:server:13:amd64",
    )


def plain(tag: str, *, series: str = "bookworm") -> str:
    """Return the definition of an image that is made in little time, named as its tag."""
    return f"""
images:
- {{name: {tag}, recipe: plain, distribution: debian, releases: [{series}], tags: [{tag}]}}
"""


def _possible_profile(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the charm's profile without what the tests withhold or this machine cannot load."""
    config = dict(wanted["config"])
    modules = config.pop("linux.kernel_modules", "").split(",")
    present = ",".join(name for name in modules if (_SYS_MODULES / name).exists())
    if present:
        config["linux.kernel_modules"] = present
    devices = {
        name: device
        for name, device in wanted["devices"].items()
        if device.get("path") != _WITHHELD
    }
    _LOG.info("profile: %s and %s, of %s", config, devices, wanted)
    return {"config": config, "devices": devices}
