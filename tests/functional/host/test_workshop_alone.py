"""A workshop in which machines run: what it reaches, and the hypervisor's device in it."""

from __future__ import annotations

import os
import pathlib
import socket
import stat
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images

from retrofit.host import progress
from retrofit.host.sandbox import kvm, networks, workshop

# The device of /dev/null: one that every kernel lets anybody read who may open its node.
_NULL = os.makedev(1, 3)


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


def test_it_has_a_loopback_of_its_own_and_no_other_network(work: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = outside.getsockname()[1]

        def look(_: progress.Reporter) -> tuple[list[str], bool, bool]:
            interfaces = [name for _, name in socket.if_nameindex()]
            with socket.create_server(("127.0.0.1", 0)) as own:
                reached = _connects(own.getsockname()[1])
            return interfaces, reached, _connects(port)

        interfaces, own_reached, host_reached = workshop.run(
            work, look, base_images.Silent(), network=networks.Network.ALONE
        )

    assert interfaces == ["lo"]
    assert own_reached
    assert not host_reached


@pytest.fixture
def device(open_directory: pathlib.Path) -> pathlib.Path:
    """A device that root alone may open, in a directory that all may enter."""
    node = open_directory / "kvm"
    os.mknod(node, stat.S_IFCHR | 0o600, _NULL)
    return node


def test_roots_hypervisor_is_lent_to_it(
    work: pathlib.Path, device: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvm, "_DEVICE", device)

    def look(_: progress.Reporter) -> tuple[bool, bool]:
        before = _opens(device)
        kvm.take(work)
        return before, _opens(device)

    kvm.lend(work)
    before, after = workshop.run(work, look, base_images.Silent(), network=networks.Network.ALONE)

    assert not before
    assert after


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _opens(device: pathlib.Path) -> bool:
    try:
        device.open("rb").close()
    except OSError:
        return False
    return True
