"""What an Octavia controller does for one amphora; runs in Octavia's own virtual environment.

Usage::

    python octavia_controller.py CONFIGURATION plan AMPHORA
    python octavia_controller.py CONFIGURATION read AMPHORA ADDRESS
    python octavia_controller.py CONFIGURATION render AMPHORA <LOADBALANCER
    python octavia_controller.py CONFIGURATION balance AMPHORA ADDRESS <LOADBALANCER

``plan`` prints what the compute service is asked to give the new amphora, certificates included;
``read`` what the amphora at ADDRESS says of itself. The load balancer is described on standard
input: ``render`` prints its configurations, ``balance`` makes it of the amphora, and prints what
that says then. All print JSON. The code that does the work is Octavia's: its task that
creates the server, its certificate generator, its templates, its driver.
"""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

from octavia.amphorae.drivers.haproxy import rest_api_driver
from octavia.certificates.manager import local
from octavia.common import config, data_models
from octavia.common import constants as octavia_constants
from octavia.controller.worker.v2.tasks import cert_task, compute_tasks
from octavia.network import data_models as network_models
from octavia_lib.common import constants
from oslo_config import cfg


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


def render(amphora: str) -> dict[str, Any]:
    """Return configurations with the identifiers in them.

    ``text`` is that of haproxy, with a PROMETHEUS listener and an additional VIP; ``packets`` are
    those of a UDP and an SCTP listener without it.
    """
    asked = json.load(sys.stdin)
    target = data_models.Amphora(id=amphora)
    balancer = _load_balancer(target, asked)
    pool = balancer.listeners[0].default_pool
    balancer.listeners.append(
        data_models.Listener(
            id=str(uuid.uuid4()),
            project_id=balancer.project_id,
            load_balancer=balancer,
            protocol=constants.PROTOCOL_PROMETHEUS,
            protocol_port=8088,
            enabled=True,
        )
    )
    driver = rest_api_driver.HaproxyAmphoraLoadBalancerDriver()
    packets = [
        _packets(driver, balancer, asked["members"], *kind)
        for kind in (
            (constants.PROTOCOL_UDP, octavia_constants.HEALTH_MONITOR_UDP_CONNECT),
            (constants.PROTOCOL_SCTP, constants.HEALTH_MONITOR_SCTP),
        )
    ]
    balancer.additional_vips = [data_models.AdditionalVip(ip_address=asked["additional_vip"])]
    return {
        "text": driver.jinja_combo.build_config(
            host_amphora=target,
            listeners=balancer.listeners,
            tls_certs={},
            haproxy_versions=["2", "6"],
            amp_details={},
        ),
        "balancer": balancer.id,
        "listeners": [listener.id for listener in balancer.listeners],
        "pool": pool.id,
        "members": [member.id for member in pool.members],
        "packets": packets,
    }


def _packets(
    driver: rest_api_driver.HaproxyAmphoraLoadBalancerDriver,
    balancer: data_models.LoadBalancer,
    addresses: list[tuple[str, int]],
    protocol: str,
    monitored: str,
) -> dict[str, Any]:
    """Return the configuration of a listener whose packets the kernel balances."""
    pool = data_models.Pool(
        id=str(uuid.uuid4()),
        project_id=balancer.project_id,
        protocol=protocol,
        lb_algorithm=constants.LB_ALGORITHM_ROUND_ROBIN,
        enabled=True,
        members=_members(addresses),
        health_monitor=data_models.HealthMonitor(
            id=str(uuid.uuid4()),
            type=monitored,
            delay=7,
            timeout=9,
            fall_threshold=1,
            rise_threshold=2,
            enabled=True,
        ),
    )
    listener = data_models.Listener(
        id=str(uuid.uuid4()),
        project_id=balancer.project_id,
        load_balancer=balancer,
        protocol=protocol,
        protocol_port=5300,
        enabled=True,
        default_pool=pool,
        pools=[pool],
    )
    return {
        "text": driver.lvs_jinja.build_config(listener=listener),
        "listener": listener.id,
        "pool": pool.id,
        "monitor": pool.health_monitor.id,
        "members": [member.id for member in pool.members],
    }


def _members(addresses: list[tuple[str, int]]) -> list[data_models.Member]:
    return [
        data_models.Member(
            id=str(uuid.uuid4()), ip_address=address, protocol_port=port, weight=1, enabled=True
        )
        for address, port in addresses
    ]


def balance(amphora: str, address: str) -> dict[str, Any]:
    """Plug the VIP, give the configuration of two listeners, and start them."""
    asked = json.load(sys.stdin)
    target = data_models.Amphora(id=amphora, lb_network_ip=address, vrrp_ip=asked["vrrp_ip"])
    balancer = _load_balancer(target, asked)
    driver = rest_api_driver.HaproxyAmphoraLoadBalancerDriver()
    network = network_models.Network(mtu=1500)
    port = network_models.Port(mac_address=asked["mac"], network=network)
    subnet = network_models.Subnet(cidr=asked["cidr"], gateway_ip=asked["gateway"], host_routes=[])
    driver.post_vip_plug(target, balancer, {}, port, subnet, additional_vip_data=[])
    driver.update(balancer)
    driver.start(balancer)
    return {
        "interface": driver.get_interface_from_ip(target, target.vrrp_ip),
        "listeners": driver.clients["1.0"].get_all_listeners(target),
    }


def _load_balancer(target: data_models.Amphora, asked: dict[str, Any]) -> data_models.LoadBalancer:
    """Return a load balancer with an HTTP and a TLS listener in front of one pool.

    Args:
        target: Its amphora.
        asked: ``vip``, ``members`` (address and port of each), ``health`` (a path),
            ``certificate`` and ``key``; for ``balance``, ``vrrp_ip``, ``mac``, ``cidr`` and
            ``gateway`` of the VIP's port, too; for ``render``, ``additional_vip``.
    """
    project = uuid.uuid4().hex
    balancer = data_models.LoadBalancer(
        id=str(uuid.uuid4()),
        project_id=project,
        enabled=True,
        topology="SINGLE",
        vip=data_models.Vip(ip_address=asked["vip"], vnic_type="normal"),
        amphorae=[target],
        additional_vips=[],
    )
    monitor = data_models.HealthMonitor(
        id=str(uuid.uuid4()),
        type=constants.HEALTH_MONITOR_HTTP,
        delay=2,
        timeout=5,
        fall_threshold=2,
        rise_threshold=2,
        http_method="GET",
        url_path=asked["health"],
        expected_codes="200",
        enabled=True,
    )
    pool = data_models.Pool(
        id=str(uuid.uuid4()),
        project_id=project,
        protocol=constants.PROTOCOL_HTTP,
        lb_algorithm=constants.LB_ALGORITHM_ROUND_ROBIN,
        enabled=True,
        members=_members(asked["members"]),
        health_monitor=monitor,
    )
    kept = local.LocalCertManager.store_cert(None, asked["certificate"], asked["key"])
    for protocol, number, certificate in (
        (constants.PROTOCOL_HTTP, 80, None),
        (constants.PROTOCOL_TERMINATED_HTTPS, 443, kept),
    ):
        listener = data_models.Listener(
            id=str(uuid.uuid4()),
            project_id=project,
            load_balancer=balancer,
            protocol=protocol,
            protocol_port=number,
            enabled=True,
            default_pool=pool,
            pools=[pool],
            insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Proto": "true"},
            tls_certificate_id=certificate,
            tls_ciphers=cfg.CONF.api_settings.default_listener_ciphers,
            tls_versions=cfg.CONF.api_settings.default_listener_tls_versions,
            alpn_protocols=cfg.CONF.api_settings.default_listener_alpn_protocols,
        )
        balancer.listeners.append(listener)
    return balancer


def main() -> None:
    configuration, command, *arguments = sys.argv[1:]
    config.init(["--config-file", configuration])
    commands = {"plan": plan, "read": read, "render": render, "balance": balance}
    json.dump(commands[command](*arguments), sys.stdout)


if __name__ == "__main__":
    main()
