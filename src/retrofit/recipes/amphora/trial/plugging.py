"""Plugs the VIP's network into amphorae, as Octavia's controller does."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

from . import haproxy, scene

_MTU = 1500


def plug(on: scene.Scene) -> haproxy.LoadBalancer:
    """Plug the VIP's network card into the amphorae, and have their agents take it.

    Returns:
        The load balancer with the VIPs that the agents took: those from before Octavia 11 (Zed)
        take no notice of additional ones.
    """
    for node in on.nodes:
        node.amphora.machine.plug(on.segment.tap(f"vip{node.number}"), node.mac)
    additional = on.balancer.additional_vip

    def take(node: scene.Node) -> bool:
        said = node.amphora.agent.plug_vip(on.balancer.vip, _network(on, node))
        # It names the VIPs that it took, in full.
        words = said.replace(",", " ").split()
        return bool(additional) and ipaddress.ip_address(additional).exploded in words

    if all(on.each(take)):
        return on.balancer
    return dataclasses.replace(on.balancer, additional_vip="")


def _network(on: scene.Scene, node: scene.Node) -> dict[str, Any]:
    """Return what an agent is told of the network."""
    lan, additional = on.segment, on.balancer.additional_vip
    network = {
        "subnet_cidr": str(lan.network),
        "gateway": lan.gateway,
        "mac_address": node.mac,
        "vrrp_ip": node.address,
        "mtu": _MTU,
        "host_routes": [],
    }
    if additional:
        network["additional_vips"] = [
            {
                "ip_address": additional,
                "subnet_cidr": str(lan.network6),
                "gateway": lan.address6(1),
                "host_routes": [],
            }
        ]
    return network
