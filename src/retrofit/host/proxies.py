"""Which servers are reached without a proxy."""

from __future__ import annotations

import ipaddress
import urllib.parse
import urllib.request


def bypassed(url: str, no_proxy: str) -> bool:
    """Tell whether a server is reached directly.

    Python's own library knows names and ends of names. Juju's models, and requests, which asks
    OpenStack here, also know networks, such as ``10.0.0.0/8``.

    Args:
        url: URL on the server.
        no_proxy: Names, ends of names, addresses and networks, separated by commas.
    """
    host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
    if urllib.request.proxy_bypass(host, {"no": no_proxy}):
        return True
    try:
        address = ipaddress.ip_address(urllib.parse.urlsplit(url).hostname or "")
    except ValueError:
        return False
    return any(address in network for network in _networks(no_proxy))


def _networks(no_proxy: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for word in filter(None, map(str.strip, no_proxy.split(","))):
        try:
            found.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            # A name.
            continue
    return found
