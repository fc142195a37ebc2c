"""Configuration of a UDP or SCTP listener, as Octavia's controller sends it to amphorae.

The amphora's kernel balances it (IPVS), and a keepalived of the listener's own tells the kernel
which members there are and looks after them. Keys, order and defaults are those of Octavia's
``common/jinja/lvs``; the agent reads the comments with identifiers, too.
"""

from __future__ import annotations

import dataclasses

from ....model import vocabulary
from . import haproxy

_NAMESPACE = "amphora-haproxy"
_UDP_CHECK = "/var/lib/octavia/lvs/check/udp_check.sh"

_CONFIGURATION = """\
# Configuration for Loadbalancer {balancer}
# Configuration for Listener {listener.id}

net_namespace {namespace}

virtual_server_group ipv4-group {{
    {vip} {listener.port}
}}

virtual_server group ipv4-group {{
    lb_algo wrr
    lb_kind NAT
    protocol {listener.protocol}
    delay_loop {listener.interval_s}
    delay_before_retry {listener.interval_s}
    retry {failures}

    # Configuration for Pool {listener.pool.id}
    # Configuration for HealthMonitor {listener.monitor}
{members}\
}}
"""
_MEMBER = """\
    # Configuration for Member {member.id}
    real_server {member.address} {member.port} {{
        weight {member.weight}
        MISC_CHECK {{
            misc_path "{check} {member.address} {member.port}"
            misc_timeout {timeout_s}
        }}
    }}
"""
# How many failures in a row take a member out.
_FAILURES = 1


class Protocol(vocabulary.Word):
    """What such a listener speaks."""

    UDP = "UDP"
    SCTP = "SCTP"


@dataclasses.dataclass(frozen=True)
class Listener:
    """A port of the VIP.

    Attributes:
        id: Its identifier.
        protocol: What it speaks.
        port: Its port.
        pool: Where its packets go.
        monitor: Identifier of the health monitor of the pool.
        interval_s: Seconds between two looks at a member.
        timeout_s: Seconds after which a look has failed.
    """

    id: str
    protocol: Protocol
    port: int
    pool: haproxy.Pool
    monitor: str
    interval_s: int
    timeout_s: int


def configuration(listener: Listener, balancer: haproxy.LoadBalancer) -> str:
    """Return the text of the configuration, for the first VIP alone.

    Members have IPv4 addresses. Octavia would give the IPv6 VIP a group of none, by which agents
    of several releases come to report all members as ``DOWN``.
    """
    if listener.protocol is Protocol.UDP:
        check, timeout_s = _UDP_CHECK, listener.timeout_s
    else:
        # This one gives up by itself, and is given a second more to say so.
        check = f"amphora-health-checker sctp -t {listener.timeout_s}"
        timeout_s = listener.timeout_s + 1
    members = (
        _MEMBER.format(member=one, check=check, timeout_s=timeout_s)
        for one in listener.pool.members
    )
    return _CONFIGURATION.format(
        listener=listener,
        balancer=balancer.id,
        namespace=_NAMESPACE,
        vip=balancer.vip,
        failures=_FAILURES,
        members="".join(members),
    )
