"""Makes what every start of the test cloud copies: programs, databases, keys, users."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import openstack

from .. import artefacts, paths
from ..host import authority
from . import cloud_config

_LOCK = paths.REPOSITORY / "requirements" / "cloud.txt"
_SERVER = pathlib.Path(__file__).with_name("cloud_server.py")
_MANAGE_TIMEOUT_S = 300
_START_TIMEOUT_S = 60

# Ports that the template's catalog names; each start puts its own in their place.
KEYSTONE_PORT, GLANCE_PORT = 5000, 9292


def keystone_url(port: int) -> str:
    return f"https://127.0.0.1:{port}/v3"


def glance_urls(port: int) -> dict[str, str]:
    """Return the endpoint of each interface; two names, so that tests can tell them apart."""
    return {"public": f"https://127.0.0.1:{port}", "internal": f"https://localhost:{port}"}


def programs() -> pathlib.Path:
    """Return the cloud's virtual environment, made if it is not there."""
    return artefacts.programs("cloud")


def template() -> pathlib.Path:
    """Return a directory with databases and keys of a cloud nobody used yet."""
    own_modules = [pathlib.Path(__file__), pathlib.Path(cloud_config.__file__)]
    return artefacts.once(f"cloud-template-{artefacts.digest(_LOCK, *own_modules)}", _prepare)


@contextlib.contextmanager
def serving(
    service: str,
    directory: pathlib.Path,
    port: int,
    *,
    python: pathlib.Path | None = None,
    script: pathlib.Path = _SERVER,
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a service from a directory for as long as the context lasts.

    Args:
        service: Its Python package.
        directory: Where its configuration, its database and the certificate of the server are.
        port: On loopback.
        python: Of the virtual environment in which it is; by default that of Keystone and Glance.
        script: What serves it.
    """
    command = [python or programs() / "bin" / "python", script, service, str(port)]
    certificate, key = directory / "server.pem", directory / "server.key"
    with (directory / f"{service}-server.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, certificate, key, str(os.getpid())],
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await_port(server, service, port, directory)
            yield server
        finally:
            # Quick shutdown: connections that clients keep open are not waited for.
            server.send_signal(signal.SIGQUIT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def _prepare(directory: pathlib.Path) -> None:
    """Fill a directory: databases, keys, then services and users through Keystone itself."""
    authority_ = authority.Authority(directory)
    authority_.issue("server")
    port = free_port()
    cloud_config.write(
        directory,
        keystone_port=port,
        glance_port=GLANCE_PORT,
        paste=paste(),
        ca=authority_.path,
        options=cloud_config.Options(),
    )
    for name in ("fernet-keys", "credential-keys"):
        (directory / name).mkdir(mode=0o700)
    _manage(directory, "keystone", "db_sync")
    owner = ("--keystone-user", directory.owner(), "--keystone-group", directory.group())
    for setup in ("fernet_setup", "credential_setup"):
        _manage(directory, "keystone", setup, *owner)
    url = keystone_url(KEYSTONE_PORT)
    _manage(
        directory,
        "keystone",
        "bootstrap",
        *("--bootstrap-password", cloud_config.PASSWORD),
        *("--bootstrap-region-id", cloud_config.REGION),
        *("--bootstrap-public-url", url, "--bootstrap-internal-url", url),
    )
    _manage(directory, "glance", "db_sync")
    with serving("keystone", directory, port):
        _populate(keystone_url(port), authority_.path)


def _populate(url: str, ca: pathlib.Path) -> None:
    """Make the image service's catalog entry, and the users as Juju's keystone makes them."""
    with openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth={
            "auth_url": url,
            "username": "admin",
            "password": cloud_config.PASSWORD,
            "project_name": "admin",
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        # The catalog names ports of a cloud that does not run yet.
        identity_endpoint_override=url,
        verify=str(ca),
    ) as admin:
        identity = admin.identity
        image = identity.create_service(name="glance", type="image")
        for interface, address in glance_urls(GLANCE_PORT).items():
            identity.create_endpoint(
                service_id=image.id,
                interface=interface,
                url=address,
                region_id=cloud_config.REGION,
            )
        roles = {role.name: role for role in identity.roles()}
        domain = identity.create_domain(name=cloud_config.SERVICE_DOMAIN)
        services = identity.create_project(name=cloud_config.SERVICE_PROJECT, domain_id=domain.id)
        # A project of somebody without any power over the cloud, who builds images of her own.
        tenant = identity.create_project(name="tenant", domain_id=domain.id)
        for name, project, names in (
            ("glance", services, ("service", "admin")),
            # The keystone charm grants its admin role to who asks for identity-credentials.
            (cloud_config.RETROFIT_USER, services, ("admin",)),
            ("tenant", tenant, ("member",)),
        ):
            user = identity.create_user(
                name=name, password=cloud_config.PASSWORD, domain_id=domain.id
            )
            for role in names:
                identity.assign_project_role_to_user(project, user, roles[role])


def paste() -> pathlib.Path:
    """Return Glance's own pipeline definition, which its wheel carries."""
    return programs() / "etc" / "glance" / "glance-api-paste.ini"


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _manage(directory: pathlib.Path, service: str, *arguments: str) -> None:
    configuration = {"keystone": "keystone.conf", "glance": "glance-api.conf"}[service]
    program = programs() / "bin" / f"{service}-manage"
    done = subprocess.run(
        [program, "--config-file", directory / configuration, *arguments],
        env=_environment(directory),
        timeout=_MANAGE_TIMEOUT_S,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{service}-manage {arguments[0]} failed:\n{done.stdout}")


def _environment(directory: pathlib.Path) -> dict[str, str]:
    """Return the whole environment of a service: nothing of the test run's own reaches it."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "OS_KEYSTONE_CONFIG_DIR": str(directory),
        "OS_GLANCE_CONFIG_DIR": str(directory),
        "PYTHONWARNINGS": "ignore",
    }


def _await_port(
    server: subprocess.Popen[bytes], service: str, port: int, directory: pathlib.Path
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    log = (directory / f"{service}-server.log").read_text()[-4000:]
    raise RuntimeError(f"{service} did not start; {directory}:\n{log}")
