"""A load balancer's configuration of haproxy, as Octavia's controller sends it to amphorae.

Names, paths, ports and defaults are Octavia's (its ``common/jinja/haproxy``): a frontend for each
listener, a backend for each pool and listener that uses it, members by identifier.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib

from . import backends

_STATE = "/var/lib/octavia"
_CERTIFICATES = f"{_STATE}/certs"
# Octavia's HAPROXY_BASE_PEER_PORT.
_PEER_PORT = 1025
_CONNECTIONS = 50000
# Octavia's default_listener_alpn_protocols.
_ALPN = "h2,http/1.1,http/1.0"
# Seconds between health checks, and how many in a row change what is thought of a member.
CHECK_INTERVAL_S = 2
CHECKS = 2

# Paths that the listeners' policies know, and where they send the client.
REDIRECTED = "/moved"
REDIRECTION = "https://example.org/there"
REJECTED = "/forbidden"
TO_POOL = "/special"
# Where the PROMETHEUS listener answers.
METRICS = "/metrics"

_GENERAL = """\
global
    daemon
    user nobody
    log /run/rsyslog/octavia/log local0
    log /run/rsyslog/octavia/log local1 notice
    stats socket {state}/{balancer.id}.sock mode 0666 level user
    server-state-file {state}/{balancer.id}/servers-state
    maxconn {connections}

defaults
    log global
    retries 3
    option redispatch
    option splice-request
    option splice-response
    option http-keep-alive
"""
_FRONTEND = """\
frontend {listener.id}
    maxconn {connections}
{secured}\
{binds}\
    mode http
    acl moved path -m str {moved}
    redirect code 302 location {redirection} if moved
    acl forbidden path -m str {rejected}
    http-request deny if forbidden
    acl special path -m str {to_pool}
    use_backend {special} if special
    default_backend {usual}
    timeout client 50000
"""
# What haproxy tells of itself, which a service of the amphora turns into Octavia's own metrics.
_METRICS = """\
frontend prometheus-exporter-internal-endpoint
    bind 127.0.0.1:9101
    mode http
    no log
    http-request use-service prometheus-exporter if {{ path {path} }}
    http-request reject
    timeout http-request 5s
    timeout client 5s
backend prometheus-exporter-internal
    mode http
    no log
    balance first
    timeout connect 5s
    timeout server 5s
    server prometheus-internal 127.0.0.1:9102

frontend {balancer.metrics.id}
    maxconn {connections}
{binds}\
    mode http
    timeout client 50000
    default_backend prometheus-exporter-internal
"""
_BACKEND = """\
backend {proxy}
    mode http
    http-reuse safe
    balance roundrobin
    load-server-state-from-file global
    timeout check 5s
    option httpchk GET {health}
    http-check expect rstatus 200
    option forwardfor
    http-request set-header X-Forwarded-Proto {listener.scheme}
    fullconn {connections}
    option allbackups
    timeout connect 5000
    timeout server 50000
{members}"""


@dataclasses.dataclass(frozen=True)
class Member:
    """A member of a pool.

    Attributes:
        id: Its identifier.
        address: Where it listens.
        port: TCP port there.
        weight: Its share of the requests; 0 drains it.
    """

    id: str
    address: str
    port: int
    weight: int = 1


@dataclasses.dataclass(frozen=True)
class Pool:
    """Members that do the same, watched by a health monitor.

    Attributes:
        id: Its identifier.
        members: Its members.
    """

    id: str
    members: tuple[Member, ...]


@dataclasses.dataclass(frozen=True)
class Listener:
    """A port of the VIP.

    Attributes:
        id: Its identifier.
        port: TCP port.
        terminates_tls: Whether clients speak TLS with it; the certificate list has its name.
    """

    id: str
    port: int
    terminates_tls: bool = False

    @property
    def scheme(self) -> str:
        """How clients speak with it."""
        return "https" if self.terminates_tls else "http"


@dataclasses.dataclass(frozen=True)
class LoadBalancer:
    """A load balancer.

    Attributes:
        id: Its identifier.
        vip: Its virtual address.
        listeners: Its listeners to pools. All have the same policies.
        metrics: Its PROMETHEUS listener.
        pool: Where requests go.
        special: Where requests go for :data:`TO_POOL`.
        peers: Of each of its amphorae, identifier and address; empty if it has but one.
        additional_vip: IPv6 address at which its listeners answer, too; empty if there is none.
    """

    id: str
    vip: str
    listeners: tuple[Listener, ...]
    metrics: Listener
    pool: Pool
    special: Pool
    peers: tuple[tuple[str, str], ...] = ()
    additional_vip: str = ""

    @property
    def vips(self) -> tuple[str, ...]:
        """All its virtual addresses."""
        return tuple(filter(None, (self.vip, self.additional_vip)))


def configuration(balancer: LoadBalancer) -> str:
    """Return the text of the configuration."""
    connections = _CONNECTIONS * (len(balancer.listeners) + 1)
    sections = [_GENERAL.format(balancer=balancer, state=_STATE, connections=connections)]
    if balancer.peers:
        sections.append(_peers(balancer))
    sections.append(
        _METRICS.format(
            balancer=balancer,
            connections=_CONNECTIONS,
            binds=_binds(balancer, balancer.metrics),
            path=METRICS,
        )
    )
    for listener in balancer.listeners:
        sections.append(_frontend(balancer, listener))
        sections += [_backend(pool, listener) for pool in (balancer.pool, balancer.special)]
    return "\n".join(sections)


def certificate_list(balancer: LoadBalancer, names: tuple[str, ...]) -> str:
    """Return the list, by file names, of the certificates that a listener has."""
    return "".join(f"{_CERTIFICATES}/{balancer.id}/{name}\n" for name in names)


def proxy(pool: Pool, listener: Listener) -> str:
    """Return what haproxy, and with it a heartbeat, calls a pool that a listener uses."""
    return f"{pool.id}:{listener.id}"


def _peers(balancer: LoadBalancer) -> str:
    lines = [
        f"    peer {_peer(name)} {address}:{_PEER_PORT}\n" for name, address in balancer.peers
    ]
    return f"peers {balancer.id.replace('-', '')}_peers\n" + "".join(lines)


def _peer(amphora: str) -> str:
    """Return what an amphora's agent calls it to haproxy: a hash, as names are limited."""
    digest = hashlib.sha1(amphora.encode(), usedforsecurity=False).digest()
    name = base64.b64encode(digest, b"_-").decode().rstrip("=")
    # A leading hyphen would be an option of haproxy's (https://github.com/haproxy/haproxy/issues/644).
    return "x" + name[1:] if name.startswith("-") else name


def _frontend(balancer: LoadBalancer, listener: Listener) -> str:
    secured, certificates = "", ""
    if listener.terminates_tls:
        secured = "    redirect scheme https if !{ ssl_fc }\n"
        names = certificate_list(balancer, (f"{listener.id}.pem",)).strip()
        certificates = f" ssl crt-list {names} no-sslv3 no-tlsv10 no-tlsv11 alpn {_ALPN}"
    return _FRONTEND.format(
        balancer=balancer,
        listener=listener,
        connections=_CONNECTIONS,
        secured=secured,
        binds=_binds(balancer, listener, certificates),
        moved=REDIRECTED,
        redirection=REDIRECTION,
        rejected=REJECTED,
        to_pool=TO_POOL,
        special=proxy(balancer.special, listener),
        usual=proxy(balancer.pool, listener),
    )


def _binds(balancer: LoadBalancer, listener: Listener, certificates: str = "") -> str:
    return "".join(f"    bind {vip}:{listener.port}{certificates}\n" for vip in balancer.vips)


def _backend(pool: Pool, listener: Listener) -> str:
    watched = f"check inter {CHECK_INTERVAL_S}s fall {CHECKS} rise {CHECKS}"
    members = [
        f"    server {one.id} {one.address}:{one.port} weight {one.weight} {watched}\n"
        for one in pool.members
    ]
    return _BACKEND.format(
        proxy=proxy(pool, listener),
        listener=listener,
        connections=_CONNECTIONS,
        health=backends.HEALTH,
        members="".join(members),
    )
