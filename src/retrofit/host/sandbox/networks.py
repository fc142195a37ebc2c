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

# slirp4netns answers for DNS here (slirp4netns(1), "Default network").
DNS_SERVER = "10.0.2.3"
# Link-local addresses carry a cloud's metadata service, and with it the host's credentials.
_METADATA = "169.254.0.0/16"
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
    path.write_text(f"nameserver {DNS_SERVER}\n", encoding="ascii")
    path.chmod(0o644)
    return path
