"""Credentials, certificates, regions, broken connections: against a real Keystone and Glance."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import yaml
from tests.support.cloud import cloud as support
from tests.support.cloud import cloud_template

from retrofit import cloud, errors
from retrofit.proof import certificates

Use = Callable[..., None]


@pytest.fixture
def use(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Use:
    """Return how to make a clouds.yaml the one that counts, with changes to its only entry."""

    def write(auth: dict[str, str] | None = None, **changes: str | bool | None) -> None:
        entry = {
            "auth": running_cloud.authentication(support.RETROFIT) | (auth or {}),
            "region_name": support.REGION,
            "cacert": str(running_cloud.ca_path),
        } | changes
        kept = {key: value for key, value in entry.items() if value is not None}
        path = tmp_path / "clouds.yaml"
        path.write_text(yaml.safe_dump({"clouds": {"mine": kept}}))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))

    write()
    return write


def _connect(**options: str | None) -> list[str]:
    """Connect to the only cloud, and return the identifiers of its images."""
    named = {"region": None, "interface": None} | options
    connection = cloud.connect("mine", **named)
    try:
        return [image.id for image in connection.images([("status", "active")])]
    finally:
        connection.close()


def test_environment_variables_do_without_clouds_yaml(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in running_cloud.authentication(support.RETROFIT).items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)
    monkeypatch.setenv("OS_CACERT", str(running_cloud.ca_path))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "none.yaml"))

    connection = cloud.connect(None, region=support.REGION, interface="internal")

    with running_cloud.admin() as admin:
        project = admin.identity.find_project(support.SERVICE_PROJECT)
    assert connection.project_id == project.id
    connection.close()


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ({"password": "wrong"}, "credentials are refused"),
        ({"username": "nobody"}, "credentials are refused"),
        ({"user_domain_name": "Default"}, "credentials are refused"),
    ],
)
def test_refused_credentials(use: Use, auth: dict[str, str], message: str) -> None:
    use(auth)
    with pytest.raises(errors.Denied, match=message) as raised:
        _connect()
    assert "wrong" not in str(raised.value)


def test_a_cloud_that_is_not_in_the_file(use: Use) -> None:
    with pytest.raises(errors.ConfigError, match="theirs was not found"):
        cloud.connect("theirs", region=None, interface=None)


def test_nothing_configured_at_all(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "none.yaml"))
    with pytest.raises(errors.ConfigError, match="set the OS_"):
        cloud.connect(None, region=None, interface=None)


def test_a_region_that_does_not_exist(use: Use) -> None:
    with pytest.raises(errors.ConfigError, match=r"region RegionTwo; .*RegionOne"):
        _connect(region="RegionTwo")


def test_an_interface_that_does_not_exist(use: Use) -> None:
    with pytest.raises(errors.ConfigError, match=r"no admin endpoint; it has: internal, public"):
        _connect(interface="admin")


def test_the_internal_endpoint_is_used_when_asked_for(
    use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", logger="keystoneauth"):
        _connect(interface="internal")
    # The cloud's public endpoint is 127.0.0.1.
    assert "GET https://localhost:" in caplog.text


@pytest.fixture
def system_store(monkeypatch: pytest.MonkeyPatch) -> Callable[[pathlib.Path], None]:
    """Return how to make a file the system's store of authorities."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    return lambda path: monkeypatch.setenv("SSL_CERT_FILE", str(path))


def test_an_authority_of_the_system_s_store_is_trusted(
    use: Use, running_cloud: support.Cloud, system_store: Callable[[pathlib.Path], None]
) -> None:
    use(cacert=None)
    system_store(running_cloud.ca_path)
    assert _connect() is not None


def test_the_cloud_s_own_authority_does_not_replace_the_system_s_store(
    use: Use,
    running_cloud: support.Cloud,
    system_store: Callable[[pathlib.Path], None],
    tmp_path: pathlib.Path,
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(certificates.Authority("Another").pair.certificate)
    use(cacert=str(other))
    system_store(running_cloud.ca_path)
    assert _connect() is not None


def test_the_library_s_own_collection_does_not_count(
    use: Use,
    running_cloud: support.Cloud,
    system_store: Callable[[pathlib.Path], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(running_cloud.ca_path))
    (tmp_path / "none.pem").touch()
    use(cacert=None)
    system_store(tmp_path / "none.pem")
    with pytest.raises(errors.Denied, match="an authority that is not trusted; set"):
        _connect()


def test_a_cloud_that_is_not_to_be_verified(
    use: Use, system_store: Callable[[pathlib.Path], None], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "none.pem").touch()
    system_store(tmp_path / "none.pem")
    use(cacert=None, verify=False)
    assert _connect() is not None


def test_an_authority_that_is_not_trusted(use: Use) -> None:
    use(cacert=None)
    with pytest.raises(errors.Denied, match="an authority that is not trusted; set"):
        _connect()


def test_a_file_of_authorities_that_is_not_there(use: Use) -> None:
    use(cacert="/nonexistent/ca.pem")
    with pytest.raises(errors.ConfigError, match="/nonexistent/ca.pem"):
        _connect()


def test_an_authority_that_expired(use: Use) -> None:
    with support.running(expired_authority=True) as expired:
        use({"auth_url": expired.auth_url}, cacert=str(expired.ca_path))
        with pytest.raises(errors.Denied, match="has expired; renew it"):
            _connect()


def test_nobody_listens(use: Use) -> None:
    use({"auth_url": f"https://127.0.0.1:{cloud_template.free_port()}/v3"})
    started = time.monotonic()
    with pytest.raises(errors.Unavailable, match="no connection"):
        _connect()
    assert time.monotonic() - started < 30


def test_a_connection_refused_for_a_moment_is_tried_again(
    use: Use, running_cloud: support.Cloud, late_port: int
) -> None:
    use({"auth_url": f"https://127.0.0.1:{late_port}/v3"})
    _connect()


@pytest.fixture
def late_port(running_cloud: support.Cloud) -> Iterator[int]:
    """Return a port on which Keystone answers only a second from now."""
    port = cloud_template.free_port()
    ready = threading.Event()

    def serve() -> None:
        if ready.wait(1):
            return
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(0.2)
            while not ready.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=_relay, args=(client, running_cloud.keystone_port)).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield port
    ready.set()
    thread.join()


def _relay(client: socket.socket, port: int) -> None:
    """Join a client to a port until either closes."""
    with client, socket.create_connection(("127.0.0.1", port)) as server:

        def copy(source: socket.socket, target: socket.socket) -> None:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

        back = threading.Thread(target=copy, args=(server, client))
        back.start()
        copy(client, server)
        back.join()


def test_the_library_is_not_loaded_before_it_is_used() -> None:
    code = "import sys, retrofit.cloud, retrofit.publishing.publish;"
    code += " print('openstack' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
