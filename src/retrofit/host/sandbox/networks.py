"""A workshop's network: a user-mode stack that reaches mirrors but not the host itself."""

from __future__ import annotations

import contextlib
import enum
import os
import pathlib
import select
from collections.abc import Iterator

from ... import errors
from .. import process, signals
from . import namespaces

# slirp4netns answers for DNS here (slirp4netns(1), "Default network").
DNS_SERVER = "10.0.2.3"
# Link-local addresses carry a cloud's metadata service, and with it the host's credentials.
_METADATA = "169.254.0.0/16"
_SETTINGS = pathlib.Path("/etc/resolv.conf")
# Of resolv.conf(5), what makes a short name of a mirror a whole one.
_COMPLETING = ("search", "domain")
_PASSING = pathlib.Path("/tmp")
_READY_TIMEOUT_S = 15.0
_COMMAND_TIMEOUT_S = 10.0


class Network(enum.Enum):
    """What a workshop gets for a network.

    Attributes:
        CONNECTED: Mirrors and other hosts, but not the host's loopback; see :func:`user_mode`.
        ALONE: A loopback of its own.
        HOST: The caller's own.
    """

    CONNECTED = enum.auto()
    ALONE = enum.auto()
    HOST = enum.auto()


@contextlib.contextmanager
def user_mode(pid: int) -> Iterator[None]:
    """Connect the network namespace of process ``pid`` for as long as the context lasts.

    Raises:
        errors.ToolMissing: slirp4netns is missing or does not come up.
    """
    with contextlib.ExitStack() as held:
        ready, announce = os.pipe()
        held.callback(os.close, ready)
        # Its other end closes with this process, even if that is killed: then the stack ends, too.
        watched, alive = os.pipe()
        held.callback(os.close, alive)
        words = ["--configure", "--disable-host-loopback", "--mtu=65520"]
        with signals.deferred():
            stack = process.start(
                ["slirp4netns", *words, f"--ready-fd={announce}", f"--exit-fd={watched}"]
                + [str(pid), "tap0"],
                pass_fds=(announce, watched),
            )
            held.callback(process.stop, stack)
        for passed in (announce, watched):
            os.close(passed)
        readable, _, _ = select.select([ready], [], [], _READY_TIMEOUT_S)
        if not readable or os.read(ready, 1) != b"1":
            said = process.stop(stack)
            raise errors.ToolMissing(
                "the build's network does not start: " + (said or "slirp4netns printed no error"),
                hint="check that /dev/net/tun exists and is open to all users",
            )
        yield


def shut_out_metadata() -> None:
    """Have nothing in the calling network namespace reach link-local addresses."""
    process.run(["ip", "route", "add", "blackhole", _METADATA], timeout_s=_COMMAND_TIMEOUT_S)


def bring_up_loopback() -> None:
    """Have the processes of the calling network namespace reach each other."""
    process.run(["ip", "link", "set", "lo", "up"], timeout_s=_COMMAND_TIMEOUT_S)


def resolver(work: pathlib.Path) -> pathlib.Path:
    """Write the resolver configuration that fits :func:`user_mode` and return its path."""
    path = work / "resolv.conf"
    path.write_text(_resolver_text(), encoding="utf-8")
    path.chmod(0o644)
    return path


def ask_own_server() -> None:
    """Have programs in the calling mount namespace ask the DNS server of :func:`user_mode`.

    The host's own is often at its loopback (127.0.0.53 is systemd-resolved), out of their reach.
    """
    settings = _SETTINGS.resolve()
    if not settings.is_file():
        return
    text = _resolver_text()
    # What is bound stays when the directory that it came from goes.
    namespaces.cover(_PASSING)
    file = _PASSING / settings.name
    file.write_text(text, encoding="utf-8")
    namespaces.bind(file, settings)
    namespaces.uncover(_PASSING)


def _resolver_text() -> str:
    """Return the network's DNS server, and by what the host completes names."""
    try:
        lines = _SETTINGS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    kept = [line for line in lines if line.partition(" ")[0] in _COMPLETING]
    return "".join(f"{line}\n" for line in (f"nameserver {DNS_SERVER}", *kept))
