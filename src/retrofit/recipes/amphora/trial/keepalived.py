"""Configuration of keepalived for one amphora of a pair, as Octavia's controller sends it.

Keys, order and defaults are those of Octavia's ``amphorae/drivers/keepalived/jinja``.
"""

from __future__ import annotations

import dataclasses
import ipaddress

# Octavia's defaults ([keepalived_vrrp]): seconds between advertisements, and how many looks at
# haproxy have to agree.
ADVERTISEMENT_S = 1
_CHECKS = 2

_CONFIGURATION = """\
vrrp_script check_script {{
    script /var/lib/octavia/vrrp/check_script.sh
    interval {router.check_s}
    fall {checks}
    rise {checks}
}}

vrrp_instance {group} {{
    interface {router.interface}
    virtual_router_id 1
    priority {router.priority}
    nopreempt
    accept
    garp_master_refresh 5
    garp_master_refresh_repeat 2
    advert_int {advertisement}
    authentication {{
        auth_type PASS
        auth_pass {group:.7}
    }}

    unicast_src_ip {router.address}
    unicast_peer {{
        {router.peer}
    }}

    virtual_ipaddress {{
        {vip.address}
    }}

    virtual_ipaddress_excluded {{
{excluded}\
    }}

    virtual_routes {{
{routes}\
    }}

    virtual_rules {{
{rules}\
    }}

    track_script {{
        check_script
    }}
}}
"""

_ROUTES = """\
        {vip.network} dev {interface} src {vip.address} scope link table 1
        default via {vip.gateway} dev {interface} onlink table 1
"""


@dataclasses.dataclass(frozen=True)
class Vip:
    """An address that one amphora of a pair has.

    Attributes:
        address: IPv4 or IPv6 address.
        network: Its network.
        gateway: Gateway of the network.
    """

    address: str
    network: str
    gateway: str

    @property
    def rule(self) -> str:
        """What the kernel's rule is for: this address alone."""
        return str(ipaddress.ip_network(self.address))


@dataclasses.dataclass(frozen=True)
class Router:
    """One amphora of a pair.

    Attributes:
        interface: Its interface with the VIP's network.
        address: Its own address there.
        peer: The other amphora's.
        priority: Who has the higher one is master first.
        check_s: Seconds between two looks at haproxy; one that takes longer has failed.
    """

    interface: str
    address: str
    peer: str
    priority: int
    check_s: int


def configuration(router: Router, *, group: str, vip: Vip, additional: tuple[Vip, ...]) -> str:
    """Return the text of the configuration.

    Args:
        router: Whose it is.
        group: Name of the pair; its beginning is what the two know each other by.
        vip: The address that they advertise.
        additional: Addresses that go with it. An advertisement has addresses of one kind only, so
            these are left out of it.
    """
    vips = (vip, *additional)
    return _CONFIGURATION.format(
        router=router,
        group=group,
        vip=vip,
        excluded="".join(f"        {one.address}\n" for one in additional),
        routes="".join(_ROUTES.format(vip=one, interface=router.interface) for one in vips),
        rules="".join(f"        from {one.rule} table 1 priority 100\n" for one in vips),
        checks=_CHECKS,
        advertisement=ADVERTISEMENT_S,
    )
