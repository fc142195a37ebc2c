"""The controller's side of an amphora: certificates, configuration, and Octavia's own client."""

from __future__ import annotations

import configparser
import dataclasses
import http.client
import json
import pathlib
import secrets
import socket
import ssl
import subprocess
import uuid
from typing import Any

from . import artefacts, authority, config_drive

# Octavia's default (haproxy_amphora.bind_port).
AGENT_PORT = 9443
_SCRIPT = pathlib.Path(__file__).with_name("octavia_controller.py")
_COMMAND_TIMEOUT_S = 300
_REQUEST_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True)
class Controller:
    """An Octavia controller that knows one amphora.

    Attributes:
        amphora: Identifier of the amphora, which its certificate is made out to.
        server_ca: Certificate of the authority that signs amphorae's certificates.
        client: Certificate and key, in one file, with which the controller shows who it is.
    """

    amphora: str
    server_ca: pathlib.Path
    client: pathlib.Path
    _configuration: pathlib.Path

    def plan(self) -> config_drive.Server:
        """Return what Octavia has the compute service give to the new amphora."""
        return config_drive.Server(**self._octavia("plan"))

    def read(self, address: str) -> dict[str, Any]:
        """Return what Octavia's client reads: version, info, details and listeners."""
        answers: dict[str, Any] = self._octavia("read", address)
        return answers

    def get(self, address: str, *, client: pathlib.Path | None) -> tuple[int, Any]:
        """Ask the agent for ``/`` and return status and JSON document.

        Args:
            address: Where the agent listens.
            client: File with the certificate and key to show; ``None`` shows none.

        Raises:
            OSError: The connection was refused or cut, during the TLS handshake or after it.
        """
        context = ssl.create_default_context(cafile=str(self.server_ca))
        if client is not None:
            context.load_cert_chain(client)
        with (
            socket.create_connection((address, AGENT_PORT), _REQUEST_TIMEOUT_S) as plain,
            # The certificate is made out to the amphora's identifier, not to an address.
            context.wrap_socket(plain, server_hostname=self.amphora) as secured,
        ):
            connection = http.client.HTTPConnection(self.amphora)
            connection.sock = secured
            connection.request("GET", "/")
            response = connection.getresponse()
            return response.status, json.load(response)

    def _octavia(self, command: str, *arguments: str) -> Any:
        python = artefacts.programs("octavia") / "bin" / "python"
        done = subprocess.run(
            [python, _SCRIPT, self._configuration, command, self.amphora, *arguments],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore"},
            timeout=_COMMAND_TIMEOUT_S,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"Octavia's {command} failed:\n{done.stderr[-4000:]}")
        return json.loads(done.stdout)


def controller(work: pathlib.Path) -> Controller:
    """Make a controller for a new amphora; its authorities and configuration go to ``work``."""
    amphorae, controllers = (work / name for name in ("amphora-ca", "controller-ca"))
    for directory in (amphorae, controllers):
        directory.mkdir()
    server_authority = authority.Authority(amphorae)
    client_authority = authority.Authority(controllers)
    client = show(client_authority)
    options = {
        "certificates": {
            "ca_certificate": server_authority.path,
            "ca_private_key": server_authority.save_key(),
            "server_certs_key_passphrase": secrets.token_hex(16),
        },
        "controller_worker": {
            "amp_boot_network_list": uuid.uuid4(),
            "client_ca": client_authority.path,
        },
        # The agent reports to nobody here: an address for documentation (RFC 5737).
        "health_manager": {
            "controller_ip_port_list": "192.0.2.1:5555",
            "heartbeat_key": secrets.token_hex(16),
        },
        "haproxy_amphora": {"client_cert": client, "server_ca": server_authority.path},
    }
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read_dict(options)
    path = work / "octavia.conf"
    with path.open("w") as file:
        configuration.write(file)
    return Controller(str(uuid.uuid4()), server_authority.path, client, path)


def show(signer: authority.Authority) -> pathlib.Path:
    """Return a file with the certificate and key of a controller that ``signer`` vouches for."""
    certificate, key = signer.issue("controller")
    both = certificate.with_name("controller-cert-and-key.pem")
    both.touch(mode=0o600)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
