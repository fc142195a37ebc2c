"""The controller's side of an amphora: certificates, configuration, and Octavia's own driver."""

from __future__ import annotations

import configparser
import dataclasses
import http.client
import json
import pathlib
import secrets
import shutil
import socket
import ssl
import subprocess
import uuid
from typing import Any

from retrofit.proof import config_drive

from .. import artefacts
from ..host import authority

# Octavia's default (haproxy_amphora.bind_port).
AGENT_PORT = 9443
_SCRIPT = pathlib.Path(__file__).with_name("octavia_controller.py")
_COMMAND_TIMEOUT_S = 600
_REQUEST_TIMEOUT_S = 30
# Emulated, what starts a service takes an agent longer than the minute that Octavia waits.
_READ_TIMEOUT_S = 280


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
    _program: tuple[pathlib.Path, pathlib.Path]

    def plan(self) -> config_drive.Server:
        """Return what Octavia has the compute service give to the new amphora."""
        return config_drive.Server(**self._octavia("plan"))

    def read(self, address: str) -> dict[str, Any]:
        """Return what Octavia's client reads: version, info, details and listeners."""
        answers: dict[str, Any] = self._octavia("read", address)
        return answers

    def render(self, load_balancer: dict[str, Any]) -> dict[str, Any]:
        """Return how Octavia configures haproxy for a load balancer; see the script."""
        rendered: dict[str, Any] = self._octavia("render", told=load_balancer)
        return rendered

    def balance(self, address: str, load_balancer: dict[str, Any]) -> dict[str, Any]:
        """Have Octavia's driver make a load balancer of the amphora; see the script."""
        answers: dict[str, Any] = self._octavia("balance", address, told=load_balancer)
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

    def _octavia(self, command: str, *arguments: str, told: Any = None) -> Any:
        done = subprocess.run(
            [*self._program, self._configuration, command, self.amphora, *arguments],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore"},
            input=json.dumps(told),
            timeout=_COMMAND_TIMEOUT_S,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"Octavia's {command} failed:\n{done.stderr[-4000:]}")
        return json.loads(done.stdout)


def program(copies: pathlib.Path | None = None) -> tuple[pathlib.Path, pathlib.Path]:
    """Return Octavia's Python and the script that it runs.

    Args:
        copies: Directory for copies of both, for a workshop that the originals are closed to.
    """
    environment, script = artefacts.programs("octavia"), _SCRIPT
    if copies is not None:
        environment = shutil.copytree(environment, copies / "octavia", symlinks=True)
        script = pathlib.Path(shutil.copy(script, copies))
    return environment / "bin" / "python", script


def controller(work: pathlib.Path, program: tuple[pathlib.Path, pathlib.Path]) -> Controller:
    """Make a controller for a new amphora; its authorities and configuration go to ``work``."""
    amphorae, controllers, kept = (
        work / name for name in ("amphora-ca", "controller-ca", "certificates")
    )
    for directory in (amphorae, controllers, kept):
        directory.mkdir()
    server_authority = authority.Authority(amphorae)
    client_authority = authority.Authority(controllers)
    client = show(client_authority)
    options = {
        "certificates": {
            "ca_certificate": server_authority.path,
            "ca_private_key": server_authority.save_key(),
            "server_certs_key_passphrase": secrets.token_hex(16),
            "cert_manager": "local_cert_manager",
            "storage_path": kept,
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
        "haproxy_amphora": {
            "client_cert": client,
            "server_ca": server_authority.path,
            "rest_request_read_timeout": _READ_TIMEOUT_S,
        },
    }
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read_dict(options)
    path = work / "octavia.conf"
    with path.open("w") as file:
        configuration.write(file)
    return Controller(str(uuid.uuid4()), server_authority.path, client, path, program)


def show(signer: authority.Authority) -> pathlib.Path:
    """Return a file with the certificate and key of a controller that ``signer`` vouches for."""
    certificate, key = signer.issue("controller")
    both = certificate.with_name("controller-cert-and-key.pem")
    both.touch(mode=0o600)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both
