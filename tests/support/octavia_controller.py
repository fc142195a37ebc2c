"""What an Octavia controller does for one amphora; runs in Octavia's own virtual environment.

Usage::

    python octavia_controller.py CONFIGURATION plan AMPHORA
    python octavia_controller.py CONFIGURATION read AMPHORA ADDRESS

``plan`` prints what the compute service is asked to give the new amphora, certificates included;
``read`` what the amphora at ADDRESS says of itself. Both print JSON. The code that does the work
is Octavia's: its task that creates the server, its certificate generator, its client.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from octavia.amphorae.drivers.haproxy import rest_api_driver
from octavia.common import config, data_models
from octavia.controller.worker.v2.tasks import cert_task, compute_tasks


class _Recorder:
    """Stands where the compute service is reached, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def build(self, **asked: Any) -> str:
        self.asked = asked
        return "server"


def plan(amphora: str) -> dict[str, Any]:
    """Return name, files and user data of the server that is to be the amphora."""
    server_pem = cert_task.GenerateServerPEMTask().execute(amphora)
    task = compute_tasks.CertComputeCreate()
    task.compute = _Recorder()
    task.execute(amphora, server_pem, server_group_id=None)
    asked = task.compute.asked
    return {
        "name": asked["name"],
        "files": asked["config_drive_files"] or {},
        "user_data": asked["user_data"],
    }


def read(amphora: str, address: str) -> dict[str, Any]:
    """Return what the amphora's agent answers to Octavia's client."""
    target = data_models.Amphora(id=amphora, lb_network_ip=address)
    version = rest_api_driver.AmphoraAPIClientBase().get_api_version(target)
    target.api_version = version["api_version"]
    client = rest_api_driver.AmphoraAPIClient1_0()
    return {
        "version": version,
        "info": client.get_info(target),
        "details": client.get_details(target),
        "listeners": client.get_all_listeners(target),
    }


def main() -> None:
    configuration, command, *arguments = sys.argv[1:]
    config.init(["--config-file", configuration])
    json.dump({"plan": plan, "read": read}[command](*arguments), sys.stdout)


if __name__ == "__main__":
    main()
