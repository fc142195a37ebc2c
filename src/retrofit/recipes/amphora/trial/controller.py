"""What Octavia's controller knows and gives: authorities, and what a new amphora starts with.

Paths, keys and defaults are Octavia's (its ``amphora_agent_conf.template`` and
``compute_tasks.py``); all secrets are made for one proof.
"""

from __future__ import annotations

import dataclasses
import pathlib
import secrets

from ....host import files
from ....model import vocabulary
from ....proof import certificates, config_drive
from .. import checks

HEARTBEAT_PORT = 5555
# By this address a machine reaches the loopback of the network namespace that QEMU runs in.
_HOST = "10.0.2.2"

_AGENT = """\
[DEFAULT]
debug = False
use_syslog = True
syslog_log_facility = LOG_LOCAL1

[haproxy_amphora]
base_cert_dir = /var/lib/octavia/certs
base_path = /var/lib/octavia
bind_host = ::
bind_port = {port}
haproxy_cmd = /usr/sbin/haproxy
user_log_facility = 0
administrative_log_facility = 1

[health_manager]
controller_ip_port_list = {host}:{heartbeat_port}
heartbeat_interval = 10
heartbeat_key = {heartbeat_key}

[amphora_agent]
agent_server_ca = /etc/octavia/certs/client_ca.pem
agent_server_cert = /etc/octavia/certs/server.pem
agent_request_read_timeout = 180
amphora_id = {amphora}
amphora_udp_driver = keepalived_lvs
agent_tls_protocol = TLSv1.2

[controller_worker]
loadbalancer_topology = {topology}
"""
_USER_DATA = """\
#cloud-config
runcmd:
- systemctl restart rsyslog
timezone: UTC
"""


class Topology(vocabulary.Word):
    """How many amphorae a load balancer has (Octavia's ``loadbalancer_topology``)."""

    SINGLE = "SINGLE"
    ACTIVE_STANDBY = "ACTIVE_STANDBY"


@dataclasses.dataclass(frozen=True)
class Controller:
    """A controller, as far as amphorae know it.

    Attributes:
        amphorae: Signs amphorae's certificates.
        controllers: Signs the controller's own; amphorae obey whom it vouches for.
        heartbeat_key: With it amphorae sign what they report.
        server_ca: File with the certificate of ``amphorae``.
        client: File with the controller's certificate and key.
    """

    amphorae: certificates.Authority
    controllers: certificates.Authority
    heartbeat_key: str = dataclasses.field(repr=False)
    server_ca: pathlib.Path
    client: pathlib.Path

    def server(self, amphora: str, topology: Topology, *, vendor_data: str) -> config_drive.Server:
        """Return what the compute service is asked to give a new amphora.

        Args:
            amphora: Its identifier.
            topology: What it is part of.
            vendor_data: What the cloud itself gives.
        """
        return config_drive.Server(
            name=f"amphora-{amphora}",
            files={
                "/etc/octavia/amphora-agent.conf": self.configuration(amphora, topology),
                "/etc/octavia/certs/server.pem": self.amphorae.issue(amphora).both,
                "/etc/octavia/certs/client_ca.pem": self.controllers.pair.certificate,
                # Octavia's template gives no line where no logs are forwarded.
                "/etc/rsyslog.d/10-rsyslog.conf": "\n",
            },
            user_data=_USER_DATA,
            vendor_data=vendor_data,
        )

    def configuration(self, amphora: str, topology: Topology) -> str:
        """Return the configuration of an amphora's agent."""
        return _AGENT.format(
            port=checks.AGENT_PORT,
            host=_HOST,
            heartbeat_port=HEARTBEAT_PORT,
            heartbeat_key=self.heartbeat_key,
            amphora=amphora,
            topology=topology,
        )


def new(work: pathlib.Path) -> Controller:
    """Make a controller, and its files in ``work``."""
    amphorae = certificates.Authority("Amphorae of a proof")
    controllers = certificates.Authority("Controllers of a proof")
    server_ca, client = work / "amphorae-ca.pem", work / "controller.pem"
    files.write(server_ca, amphorae.pair.certificate, mode=0o644)
    files.write(client, controllers.issue("controller").both, mode=0o600)
    return Controller(amphorae, controllers, secrets.token_hex(16), server_ca, client)
