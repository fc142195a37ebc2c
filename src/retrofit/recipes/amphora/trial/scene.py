"""What a load balancer of amphorae stands in: a network with clients and members, a controller."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import ipaddress
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import thread
from typing import TypeVar

from cryptography import x509

from ....model import findings
from ....proof import bench, certificates, machine, segment
from . import amphora, backends, clients, controller, haproxy, heartbeats

_T = TypeVar("_T")

# Addresses for documentation (RFC 5737): nobody's.
_NETWORK = "198.51.100.0/24"
# Likewise (RFC 3849).
_NETWORK6 = "2001:db8:0:1::/64"
_VIP = 100
_MEMBERS = {"blue": 11, "green": 12}
# The member that is alone in the pool of the policies.
SPECIAL = "green"
_MEMBER_PORT = 8080
_METRICS_PORT = 8088
# By the number of the amphora.
_MAC = "52:54:00:0a:4d:2{number}"
_LOOPBACK = "127.0.0.1"
# Amphorae report every ten seconds, what several looks at a member have agreed on; each is a
# program, which on busy processors takes an emulated machine half a minute.
REPORT_TIMEOUT_S = 300.0


@dataclasses.dataclass(frozen=True)
class Node:
    """An amphora in the VIP's network.

    Attributes:
        amphora: The amphora.
        number: Which it is, from 1; of a pair, the first is to be master.
        mac: Its network card there.
        address: Its own address there.
    """

    amphora: amphora.Amphora
    number: int
    mac: str
    address: str


@dataclasses.dataclass
class Scene:
    """All that takes part.

    Attributes:
        place: Where the amphorae run.
        segment: The VIP's network.
        nodes: The load balancer's amphorae, as long as they run.
        members: The servers it balances, by name.
        inbox: What its amphorae report.
        authority: Signs the certificate of its TLS listener.
        balancer: The load balancer as it is configured now.
        plain: Its HTTP listener.
        secure: Its TLS listener, which speaks HTTP/2, too.
        asked: How many requests :meth:`get` made, by the listener's identifier.
        answered: How many of them were answered.
    """

    place: bench.Bench
    segment: segment.Segment
    nodes: tuple[Node, ...]
    members: dict[str, backends.Backend]
    inbox: heartbeats.Inbox
    authority: certificates.Authority
    balancer: haproxy.LoadBalancer
    plain: haproxy.Listener
    secure: haproxy.Listener
    asked: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    answered: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def pair(self) -> bool:
        """Whether the load balancer was made of two amphorae."""
        return bool(self.balancer.peers)

    def target(self, listener: haproxy.Listener) -> clients.Target:
        """Return where clients reach a listener."""
        trusted = self.authority.pair.certificate if listener.terminates_tls else None
        return clients.Target(self.balancer.vip, listener.port, trusted)

    def get(
        self,
        listener: haproxy.Listener,
        path: str = "/",
        *,
        target: clients.Target | None = None,
        timeout_s: float = clients.TIMEOUT_S,
    ) -> clients.Answer:
        """Make one request and count it; raises what :meth:`clients.Target.get` does.

        Args:
            listener: What it is for.
            path: Path of the request.
            target: Where the listener is reached, if not as :meth:`target` says.
            timeout_s: Seconds after which it is given up.
        """
        self.asked[listener.id] += 1
        answer = (target or self.target(listener)).get(path, timeout_s=timeout_s)
        self.answered[listener.id] += 1
        return answer

    def holder(self) -> Node:
        """Return the amphora that has the VIP, as far as the network knows.

        Raises:
            machine.MachineFailed: None of them has.
        """
        mac = self.segment.owner(self.balancer.vip)
        for node in self.nodes:
            if node.mac == mac:
                return node
        raise machine.MachineFailed(f"no amphora has the VIP {self.balancer.vip}: {mac}")

    def member(self, name: str) -> haproxy.Member:
        """Return a member of the pool as it is configured now."""
        address = self.members[name].address
        return next(one for one in self.balancer.pool.members if one.address == address)

    def await_member(self, name: str, state: str) -> float:
        """Wait for the state of a member of the plain listener; see :meth:`await_state`."""
        pool = haproxy.proxy(self.balancer.pool, self.plain)
        return self.await_state(name, pool, self.member(name).id, state)

    def await_state(self, name: str, pool: str, member: str, state: str) -> float:
        """Wait until the amphora that has the VIP reports a member's state; return the seconds.

        Args:
            name: Name of the member.
            pool: What a heartbeat calls the pool.
            member: Identifier of the member there.
            state: What to wait for.

        Raises:
            machine.MachineFailed: It does not.
        """
        began = time.monotonic()
        node = self.holder()

        def reported() -> bool | None:
            return self.inbox.member(node.amphora.id, pool, member) == state or None

        node.amphora.machine.wait_for(f"report that {name} is {state}", reported, REPORT_TIMEOUT_S)
        return time.monotonic() - began

    def weighed(self, name: str, weight: int) -> haproxy.LoadBalancer:
        """Return the load balancer with another weight of a member."""
        changed = self.member(name)
        members = tuple(
            dataclasses.replace(one, weight=weight) if one is changed else one
            for one in self.balancer.pool.members
        )
        pool = dataclasses.replace(self.balancer.pool, members=members)
        return dataclasses.replace(self.balancer, pool=pool)

    def each(self, function: Callable[[Node], _T]) -> tuple[_T, ...]:
        """Call a function for all amphorae at once: emulated ones take long for everything."""
        with thread.ThreadPoolExecutor() as threads:
            return tuple(threads.map(function, self.nodes))

    def store_certificate(self) -> tuple[str, str]:
        """Give a new certificate for the VIP to the amphorae.

        Returns:
            Name of its file, and the MD5 digest of what the file has to hold.
        """
        vip = self.balancer.vip
        pem = self.authority.issue(vip, [x509.IPAddress(ipaddress.ip_address(vip))]).both.encode()
        name = f"{hashlib.sha1(pem, usedforsecurity=False).hexdigest()}.pem"
        names = haproxy.certificate_list(self.balancer, (name,))

        def store(node: Node) -> None:
            agent = node.amphora.agent
            agent.upload_certificate(self.balancer.id, name, pem.decode())
            agent.upload_certificate(self.balancer.id, f"{self.secure.id}.pem", names)

        self.each(store)
        return name, hashlib.md5(pem, usedforsecurity=False).hexdigest()

    def configure(self, balancer: haproxy.LoadBalancer) -> None:
        """Give a configuration of haproxy to the amphorae; it is for the next start or reload."""
        text = haproxy.configuration(balancer)
        self.each(lambda node: node.amphora.agent.upload_haproxy(balancer.id, text))
        self.balancer = balancer

    def start(self) -> None:
        """Start haproxy."""
        self.each(lambda node: node.amphora.agent.start(self.balancer.id))

    def reload(self, balancer: haproxy.LoadBalancer) -> None:
        """Change the configuration of haproxy while it runs."""
        self.configure(balancer)
        self.each(lambda node: node.amphora.agent.reload(balancer.id))


@dataclasses.dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What it checks.
        look: Does it. A :class:`retrofit.errors.RetrofitError`, an :class:`OSError` and an
            :class:`http.client.HTTPException` that it raises are failures of the image.
    """

    name: str
    look: Callable[[Scene], findings.Verdict]


@contextlib.contextmanager
def lay(amphorae: tuple[amphora.Amphora, ...], place: bench.Bench) -> Iterator[Scene]:
    """Make the VIP's network with two members, and hear what amphorae report.

    Args:
        amphorae: One, or the two of a pair. They are not plugged in yet.
        place: Where they run.
    """
    network = segment.lay("vip", _NETWORK, _NETWORK6)
    nodes = tuple(
        Node(one, number, _MAC.format(number=number), network.address(_VIP + number))
        for number, one in enumerate(amphorae, 1)
    )
    with contextlib.ExitStack() as held:
        owner = amphorae[0].owner
        inbox = heartbeats.Inbox(_LOOPBACK, controller.HEARTBEAT_PORT, owner.heartbeat_key)
        held.callback(inbox.close)
        members = {
            name: held.enter_context(backends.serve(name, network.claim(number), _MEMBER_PORT))
            for name, number in _MEMBERS.items()
        }
        plain = haproxy.Listener(str(uuid.uuid4()), 80)
        secure = haproxy.Listener(str(uuid.uuid4()), 443, terminates_tls=True)
        balancer = haproxy.LoadBalancer(
            id=str(uuid.uuid4()),
            vip=network.address(_VIP),
            listeners=(plain, secure),
            metrics=haproxy.Listener(str(uuid.uuid4()), _METRICS_PORT),
            pool=_pool(*members.values()),
            special=_pool(members[SPECIAL]),
            peers=tuple((node.amphora.id, node.address) for node in nodes) if nodes[1:] else (),
            additional_vip=network.address6(_VIP),
        )
        authority = certificates.Authority("Customer of a proof")
        yield Scene(place, network, nodes, members, inbox, authority, balancer, plain, secure)


def _pool(*servers: backends.Backend) -> haproxy.Pool:
    members = (haproxy.Member(str(uuid.uuid4()), one.address, one.port) for one in servers)
    return haproxy.Pool(str(uuid.uuid4()), tuple(members))
