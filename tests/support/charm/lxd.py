"""A private LXD: its daemon, storage pool and network.

Debian's package brings a daemon that serves any directory named by ``LXD_DIR``, so tests run one
of their own beside whatever the user has. On Ubuntu LXD is a snap, whose daemon snapd runs: there
the tests keep to names of their own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from retrofit import errors
from retrofit.host import process

PREFIX = "retrofit-"
POOL = "retrofit-pool"
BRIDGE = "retrofitbr0"

# Not below the user's cache: a container's root is no root outside, and must be able to enter
# every directory down to its own, which /root does not let it.
_STATE = pathlib.Path("/var/lib/octavia-diskimage-retrofit-tests")
_SNAP_CLIENT = pathlib.Path("/snap/bin/lxc")
_SHARED = "shared-"
_START_TIMEOUT_S = 60
# At most; it takes what is in it.
_POOL_SIZE = "30GiB"
# What the daemon's processes leave behind becomes its own child: process 1 may be far, and before
# it comes the test run, which takes what it inherits for a leftover of the command under test.
_AS_SUBREAPER = """
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclasses.dataclass(frozen=True)
class Lxd:
    """An LXD that answers.

    Attributes:
        client: Its command line client.
        directory: What ``LXD_DIR`` names, or ``None`` for the snap's daemon.
        gateway: Address of the host on the containers' network, which also answers DNS.
    """

    client: str
    directory: pathlib.Path | None
    gateway: str = ""

    def run(
        self,
        *words: str | os.PathLike[str],
        timeout_s: float = 120,
        text_input: str | None = None,
        on_line: Callable[[str], None] | None = None,
        check: bool = True,
    ) -> process.Completed:
        """Run ``lxc`` with the words given; see :func:`retrofit.host.process.run`."""
        return process.run(
            [self.client, "--quiet", *words],
            timeout_s=timeout_s,
            extra_environment={"LXD_DIR": str(self.directory)} if self.directory else {},
            text_input=text_input,
            on_line=on_line,
            check=check,
        )

    def names(self, kind: str) -> list[str]:
        """Return the names of all objects of a kind, such as ``storage`` or ``profile``."""
        listing = self.run(kind, "list", "--format", "json").stdout
        return [entry["name"] for entry in json.loads(listing)]

    def instances(self) -> list[str]:
        """Return the names of all containers, running or not."""
        return [entry["name"] for entry in json.loads(self.run("list", "--format", "json").stdout)]

    def image_aliases(self) -> list[str]:
        """Return the aliases of all images."""
        listing = json.loads(self.run("image", "list", "--format", "json").stdout)
        return [alias["name"] for image in listing for alias in image["aliases"]]

    def write_profile(self, name: str, profile: Mapping[str, object]) -> None:
        """Create a profile, or replace the content of one that has another."""
        if name not in self.names("profile"):
            self.run("profile", "create", name)
        present = json.loads(self.run("query", f"/1.0/profiles/{name}").stdout)
        if all(present[part] == content for part, content in profile.items()):
            # An edit touches all containers of it, also one that another process is removing.
            return
        # JSON is YAML, which is what the client reads.
        self.run("profile", "edit", name, text_input=json.dumps(profile))

    def delete(self, name: str) -> None:
        """Remove a container, running or not."""
        device = self.run("config", "get", name, "volatile.eth0.host_name").stdout.strip()
        self.run("delete", "--force", name, timeout_s=300)
        # Where a build is cut short, the kernel can hand the container's network card back after
        # LXD looked for it.
        if device and pathlib.Path("/sys/class/net", device).exists():
            process.run(["ip", "link", "delete", device], timeout_s=10, check=False)


@contextlib.contextmanager
def shared_directory() -> Iterator[pathlib.Path]:
    """Make a directory for the daemon and its containers, whose users may make files in it.

    The daemon may be another test run's, which sees nothing of this one's temporary files.
    """
    with tempfile.TemporaryDirectory(prefix=_SHARED, dir=_STATE) as directory:
        path = pathlib.Path(directory)
        path.chmod(0o777)
        yield path


@contextlib.contextmanager
def running() -> Iterator[Lxd]:
    """Give an LXD with storage and network; start its daemon if need be, and end it then.

    Several processes may hold it at once: the last one out ends the daemon, and the first one in
    removes containers that a killed process left behind.
    """
    _STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
    with (_STATE / "users.lock").open("w") as users:
        with exclusive():
            alone = _try_lock(users.fileno())
            lxd, daemon = _start()
            if alone:
                _remove_leftovers(lxd)
            lxd = _set_up(lxd)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield lxd
        finally:
            with exclusive():
                if _try_lock(users.fileno()):
                    _stop(lxd)
                    if daemon is not None:
                        daemon.wait()
                elif daemon is not None:
                    daemon.returncode = 0  # It goes on, and is nobody's child to wait for.


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Let one process at a time start or end the daemon, or make what containers share."""
    with (_STATE / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _try_lock(descriptor: int) -> bool:
    """Say whether no other process holds the daemon; take its lock if so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start() -> tuple[Lxd, subprocess.Popen[bytes] | None]:
    """Return a client of a daemon that runs, and the daemon if it had to be started."""
    if _SNAP_CLIENT.exists():
        return Lxd(client=os.fspath(_SNAP_CLIENT), directory=None), None
    lxd = Lxd(client="lxc", directory=_STATE / "lxd")
    if _answers(lxd):
        return lxd, None
    assert lxd.directory is not None
    lxd.directory.mkdir(mode=0o711, exist_ok=True)
    with (_STATE / "lxd.log").open("ab") as log:
        # The daemon outlives this process if another one uses it by then.
        daemon = subprocess.Popen(
            [sys.executable, "-c", _AS_SUBREAPER, process.find("lxd"), "--group", "root"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=process.environment(LXD_DIR=str(lxd.directory)),
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _answers(lxd):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise errors.ToolMissing(f"LXD did not start; see {_STATE}/lxd.log")
        time.sleep(0.2)
    return lxd, daemon


def _answers(lxd: Lxd) -> bool:
    """Say whether the daemon serves requests."""
    assert lxd.directory is not None
    return (
        process.run(
            ["lxd", "waitready", "--timeout", "1"],
            timeout_s=10,
            extra_environment={"LXD_DIR": str(lxd.directory)},
            check=False,
        ).returncode
        == 0
    )


def _stop(lxd: Lxd) -> None:
    """End the daemon if the tests started it; storage and images stay for the next time."""
    if lxd.directory is None:
        return
    process.run(
        ["lxd", "shutdown", "--timeout", "60"],
        timeout_s=90,
        extra_environment={"LXD_DIR": str(lxd.directory)},
    )


def _remove_leftovers(lxd: Lxd) -> None:
    """Remove containers whose process did not live to remove them."""
    for name in lxd.instances():
        if name.startswith(PREFIX):
            lxd.delete(name)
    for name in lxd.names("profile"):
        if name.startswith(PREFIX):
            lxd.run("profile", "delete", name)
    for path in _STATE.glob(f"{_SHARED}*"):
        shutil.rmtree(path)


def _set_up(lxd: Lxd) -> Lxd:
    """Make storage pool and network where they are missing."""
    if POOL not in lxd.names("storage"):
        # A file system of its own: see tests/support/scratch.py for what the host's may cost.
        made = lxd.run("storage", "create", POOL, "btrfs", f"size={_POOL_SIZE}", check=False)
        if made.returncode != 0:
            # No loop device or no such file system here.
            lxd.run("storage", "create", POOL, "dir")
    if BRIDGE not in lxd.names("network"):
        device, taken = _routes()
        lxd.run(
            "network",
            "create",
            BRIDGE,
            f"ipv4.address={_free_subnet(taken)}",
            "ipv4.nat=true",
            "ipv6.address=none",
            # Behind a tunnel the host's own limit counts, and path discovery may be filtered.
            f"bridge.mtu={pathlib.Path('/sys/class/net', device, 'mtu').read_text().strip()}",
        )
    address = lxd.run("network", "get", BRIDGE, "ipv4.address").stdout.strip()
    return dataclasses.replace(lxd, gateway=str(ipaddress.ip_interface(address).ip))


def _routes() -> tuple[str, list[ipaddress.IPv4Network]]:
    """Return the device of the default route, and all networks that the host reaches otherwise."""
    routes = json.loads(process.run(["ip", "-json", "-4", "route"], timeout_s=10).stdout)
    default = next((route["dev"] for route in routes if route["dst"] == "default"), "lo")
    others = [route["dst"] for route in routes if route["dst"] != "default"]
    return default, [ipaddress.IPv4Network(destination) for destination in others]


def _free_subnet(taken: Sequence[ipaddress.IPv4Network]) -> str:
    """Return the gateway's address in a subnet that nothing else uses, with its length.

    LXD's own choice asks the network by sending to it, which fails where that is filtered.
    """
    for number in range(77, 255):
        subnet = ipaddress.IPv4Network(f"10.214.{number}.0/24")
        if not any(subnet.overlaps(network) for network in taken):
            return f"{subnet[1]}/{subnet.prefixlen}"
    raise errors.ToolMissing("no free subnet in 10.214.0.0/16 for the containers")
