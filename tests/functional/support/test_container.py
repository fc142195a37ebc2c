"""The containers that tests make: what they reach, and that nothing of them stays."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest
from tests.support.charm import container, lxd

from retrofit import errors


@pytest.fixture(scope="module")
def daemon() -> Iterator[lxd.Lxd]:
    with lxd.running() as running:
        yield running


@contextlib.contextmanager
def greeting() -> Iterator[int]:
    """Serve a greeting on the host's loopback, and give the port."""

    class Greet(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"hello from the host\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Greet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_joined_port_reaches_the_hosts_loopback(daemon: lxd.Lxd) -> None:
    with greeting() as port, container.launched(daemon, "port") as machine:
        ask = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port} && cat <&3"]
        assert machine.run(ask, check=False).returncode == 1
        machine.join_port(port)
        assert "hello from the host" in machine.run(ask).stdout


def test_a_failure_leaves_neither_container_nor_profile(daemon: lxd.Lxd) -> None:
    def fail() -> None:
        with container.launched(daemon, "failing", charm_profile={"config": {}}) as machine:
            machine.run(["false"])

    with pytest.raises(errors.CommandError, match="status 1"):
        fail()
    assert not [name for name in daemon.instances() if "failing" in name]
    assert not [name for name in daemon.names("profile") if "failing" in name]


def test_a_container_that_cannot_start_leaves_nothing(daemon: lxd.Lxd) -> None:
    impossible = {"config": {}, "devices": {"no": {"type": "unix-char", "path": "/dev/no-such"}}}
    with (
        pytest.raises(errors.CommandError) as failure,
        container.launched(daemon, "impossible", charm_profile=impossible),
    ):
        pass
    assert "Failed to start device" in failure.value.details[0]
    assert not [name for name in daemon.instances() if "impossible" in name]
    assert not [name for name in daemon.names("profile") if "impossible" in name]
