"""Client of the amphora agent: what Octavia's controller asks of an amphora.

The interface is version 1.0 of the amphora's REST API, over TLS in which both sides show a
certificate (Octavia's documentation, "Octavia Amphora API"; paths as in the agent's
``api_server/server.py``). A server's certificate is made out to the amphora's identifier, not to
an address.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib import parse

import urllib3

from .... import errors

_LOG = logging.getLogger(__name__)

_VERSION = "1.0"
_GONE, _FAILED = 404, 500
# The agent answers at once but for what starts a service: on emulated machines two minutes,
# and more on busy processors.
_CONNECT_TIMEOUT_S = 60.0
_READ_TIMEOUT_S = 600.0
# A new network card takes a moment until the machine's kernel has it; Octavia asks again, too.
_CARD_TIMEOUT_S = 120.0
_CARD_POLL_S = 2.0
# On a machine that is starved of processor, its systemd loses its own clients, and the agent's
# server ends a worker that takes too long: neither says anything about the image.
_STARVED = re.compile(
    "Transport endpoint is not connected|Connection timed out|Connection reset by peer|"
    "Remote end closed connection without response"
)
_TRIES = 3
_PAUSE_S = 10.0
# Of an answer that nobody expects, as much as fits into a line.
_EXCERPT = 200
_CARD_MISSING = "No suitable network interface found"


class AgentError(errors.RetrofitError):
    """The agent did not do what it was asked for.

    Attributes:
        status: HTTP status of its answer; ``None`` if there was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Refused(AgentError):
    """The agent ended the TLS handshake: it does not take the client's certificate."""


@dataclasses.dataclass(frozen=True)
class Agent:
    """The agent of one amphora.

    Every method raises :class:`AgentError` if the agent does not answer or refuses.

    Attributes:
        amphora: Identifier of the amphora.
        address: Address at which it is reached.
        port: TCP port there.
        server_ca: Certificate of the authority that signed the amphora's certificate.
        client: File with the controller's certificate and key; ``None`` to show none.
    """

    amphora: str
    address: str
    port: int
    server_ca: pathlib.Path
    client: pathlib.Path | None

    def version(self) -> dict[str, Any]:
        """Return ``{"api_version": …}``: what the agent says of itself before anything else."""
        version: dict[str, Any] = self._json("GET", "/")
        return version

    def info(self) -> dict[str, Any]:
        """Return ``hostname``, ``haproxy_version`` and ``api_version``."""
        info: dict[str, Any] = self._json("GET", _path("info"))
        return info

    def details(self) -> dict[str, Any]:
        """Return its state: ``cpu_count``, ``memory`` in KiB, ``disk`` in bytes, and more."""
        details: dict[str, Any] = self._json("GET", _path("details"))
        return details

    def interface(self, address: str) -> str:
        """Return the name of the interface that has an address, in the amphora's namespace."""
        return _field(self._json("GET", _path("interface", address)), "interface")

    def listeners(self) -> list[dict[str, Any]]:
        """Return ``status``, ``uuid`` and ``type`` of each listener."""
        listeners: list[dict[str, Any]] = self._json("GET", _path("listeners"))
        return listeners

    def plug_vip(self, vip: str, network: Mapping[str, Any]) -> str:
        """Give a network card to the amphora's namespace as that of the VIP.

        Args:
            vip: The virtual address.
            network: ``subnet_cidr``, ``gateway``, ``mac_address``, ``vrrp_ip``, ``mtu``,
                ``host_routes``, ``additional_vips``.

        Returns:
            What the agent says it did.
        """
        return _said(self._plug(_path("plug", "vip", vip), network))

    def upload_certificate(self, loadbalancer: str, name: str, pem: str) -> None:
        """Store a listener's certificate and key.

        Args:
            loadbalancer: Identifier of the load balancer.
            name: Name of the file: 40 hexadecimal digits and ``.pem``.
            pem: Certificate and key.
        """
        self._ask("PUT", _path("loadbalancer", loadbalancer, "certificates", name), pem)

    def certificate_digest(self, loadbalancer: str, name: str) -> str:
        """Return the MD5 digest of a certificate that was stored."""
        path = _path("loadbalancer", loadbalancer, "certificates", name)
        return _field(self._json("GET", path), "md5sum")

    def upload_haproxy(self, loadbalancer: str, configuration: str) -> None:
        """Store the configuration of haproxy, which the agent has haproxy check."""
        path = _path("loadbalancer", self.amphora, loadbalancer, "haproxy")
        self._ask("PUT", path, configuration)

    def haproxy(self, loadbalancer: str) -> str:
        """Return the configuration of haproxy that is stored."""
        return self._ask("GET", _path("loadbalancer", loadbalancer, "haproxy")).decode()

    def start(self, loadbalancer: str) -> None:
        """Start the haproxy of a load balancer, or the keepalived of a UDP or SCTP listener."""
        self._ask("PUT", _path("loadbalancer", loadbalancer, "start"))

    def stop(self, loadbalancer: str) -> None:
        """Stop what :meth:`start` started."""
        self._ask("PUT", _path("loadbalancer", loadbalancer, "stop"))

    def reload(self, loadbalancer: str) -> None:
        """Have the haproxy of a load balancer take its new configuration."""
        self._ask("PUT", _path("loadbalancer", loadbalancer, "reload"))

    def delete(self, loadbalancer: str) -> None:
        """Remove a load balancer with its certificates, or a UDP or SCTP listener."""
        self._ask("DELETE", _path("listeners", loadbalancer))

    def upload_lvs(self, listener: str, configuration: str) -> None:
        """Store the configuration of a UDP or SCTP listener, which is a keepalived of its own."""
        self._ask("PUT", _path("listeners", self.amphora, listener, "udp_listener"), configuration)

    def upload_vrrp(self, configuration: str) -> None:
        """Store the configuration of keepalived."""
        self._ask("PUT", _path("vrrp", "upload"), configuration)

    def start_vrrp(self) -> None:
        """Start keepalived."""
        self._ask("PUT", _path("vrrp", "start"))

    def _plug(self, path: str, card: Mapping[str, Any]) -> bytes:
        deadline = time.monotonic() + _CARD_TIMEOUT_S
        while True:
            try:
                return self._ask("POST", path, json.dumps(card), kind="application/json")
            except AgentError as error:
                missing = error.status == 404 and _CARD_MISSING in error.message
                if not missing or time.monotonic() > deadline:
                    raise
            time.sleep(_CARD_POLL_S)

    def _json(self, method: str, path: str) -> Any:
        body = self._ask(method, path)
        try:
            return json.loads(body)
        except ValueError as error:
            raise AgentError(f"{method} {path} answers no JSON: {body[:_EXCERPT]!r}") from error

    def _ask(
        self, method: str, path: str, body: str = "", *, kind: str = "application/octet-stream"
    ) -> bytes:
        """Send one request and return the body of a good answer.

        All but POST may be sent again if the machine did not get to answering.
        """
        number = 0
        while True:
            number += 1
            try:
                return self._ask_once(method, path, body, kind)
            except AgentError as error:
                if number > 1 and method == "DELETE" and error.status == _GONE:
                    # It was done before.
                    return b""
                lost = error.status in (None, _FAILED) and _STARVED.search(error.message)
                if isinstance(error, Refused) or method == "POST" or not lost or number == _TRIES:
                    raise
                _LOG.warning("the agent is asked once more: %s", error.message)
            time.sleep(_PAUSE_S)

    def _ask_once(self, method: str, path: str, body: str, kind: str) -> bytes:
        try:
            with self._connections() as connections:
                response = connections.request(
                    method,
                    path,
                    body=body.encode() if body else None,
                    headers={"Content-Type": kind} if body else {},
                    retries=False,
                )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(f"{method} {path}", error) from error
        if response.status >= 300:
            said = _said(response.data)
            raise AgentError(
                f"{method} {path} answers {response.status}: {said}", status=response.status
            )
        return response.data

    def _connections(self) -> urllib3.HTTPSConnectionPool:
        return urllib3.HTTPSConnectionPool(
            self.address,
            self.port,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S),
            cert_reqs="CERT_REQUIRED",
            ca_certs=str(self.server_ca),
            cert_file=str(self.client) if self.client else None,
            server_hostname=self.amphora,
            assert_hostname=self.amphora,
        )


def _field(document: Any, name: str) -> str:
    """Return a text of an answer."""
    if not isinstance(document, dict) or not isinstance(document.get(name), str):
        raise AgentError(f"an answer without {name}: {json.dumps(document)[:_EXCERPT]}")
    return str(document[name])


def _path(*words: str) -> str:
    return "/".join(["", _VERSION, *(parse.quote(word, safe="") for word in words)])


def _said(body: bytes) -> str:
    """Return in one line what the body of an answer says."""
    text = body.decode(errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return " ".join(text.split())[:_EXCERPT]
    words = [str(document[key]) for key in ("message", "details", "error") if key in document]
    return " ".join(" ".join(words).split())


def _failure(request: str, error: Exception) -> AgentError:
    """Return an error for a request without an answer, of the innermost cause.

    What urllib3 puts around that says nothing more.
    """
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    reason = (isinstance(inner, ssl.SSLError) and inner.reason) or ""
    words = reason.lower().replace("_", " ") or str(inner) or type(inner).__name__
    # An alert is what the other side says; it may have closed the connection before it is read.
    refused = "ALERT" in reason or isinstance(inner, ConnectionResetError)
    return (Refused if refused else AgentError)(f"{request}: {words}")
