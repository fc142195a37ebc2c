"""Amphora images with one fault each, made of a good one within seconds, without a build."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import json
import pathlib
import re
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator

from .. import scratch

_SECTOR = 512
_UNITS = "/etc/systemd/system"
_MULTI_USER = f"{_UNITS}/multi-user.target.wants"
_AGENT = "amphora-agent.service"
# ELF's number for the machine of arm64, and where in a file it stands.
_AARCH64, _MACHINE_AT = b"\xb7\x00", 18
# A few more than the map of a large file takes.
_BLOCKS_LEFT = 500


@dataclasses.dataclass(frozen=True)
class Disk:
    """A raw image whose files can be changed where they are.

    Attributes:
        path: The image.
        root: First byte of the root file system.
        boot: First byte of the file system at ``/boot``.
        esp: First byte of the EFI system partition.
    """

    path: pathlib.Path
    root: int
    boot: int
    esp: int

    def run(self, *requests: str, boot: bool = False) -> str:
        """Let debugfs work off requests; return what it prints."""
        script = self.path.with_suffix(".debugfs")
        script.write_text("".join(f"{request}\n" for request in requests))
        where = f"{self.path}?offset={self.boot if boot else self.root}"
        command = ["/sbin/debugfs", "-w", "-f", script, where]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        script.unlink()
        # It ends with status 0 whatever happened, and says its version before all complaints.
        _, *complaints = done.stderr.splitlines()
        assert not complaints, complaints
        return done.stdout

    def read(self, path: str, *, boot: bool = False) -> bytes:
        """Return the content of a file."""
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as copy:
            self.run(f"dump {path} {copy.name}", boot=boot)
            return copy.read()

    def write(
        self, path: str, content: bytes | str, *, mode: int = 0o644, boot: bool = False
    ) -> None:
        """Write a file of root's, in place of the one that is there."""
        with contextlib.suppress(AssertionError):
            self.run(f"rm {path}", boot=boot)
        directory, _, name = path.rpartition("/")
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as copy:
            copy.write(content.encode() if isinstance(content, str) else content)
            copy.flush()
            self.run(
                f"cd {directory or '/'}",
                f"write {copy.name} {name}",
                *(f"sif {path} {field} 0" for field in ("uid", "gid")),
                f"sif {path} mode {oct(stat.S_IFREG | mode)[2:].zfill(7)}",
                boot=boot,
            )

    def remove(self, path: str) -> None:
        """Remove a file or link."""
        self.run(f"rm {path}")

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        self.run(f"symlink {path} {target}")


def _no_initrd(disk: Disk) -> None:
    names = disk.run("ls -p /", boot=True).split("/")
    initrds = [name for name in names if name.startswith("initrd.img-")]
    assert initrds
    disk.run(*(f"rm /{name}" for name in initrds), boot=True)


def _agent_disabled(disk: Disk) -> None:
    disk.remove(f"{_MULTI_USER}/{_AGENT}")


def _wrong_certificate_path(disk: Disk) -> None:
    disk.write(
        "/etc/octavia/local.conf",
        "[amphora_agent]\nagent_server_cert = /etc/octavia/certs/agent.pem\n",
    )
    _drop_in(
        disk,
        "[Service]\nExecStart=\nExecStart=/usr/bin/amphora-agent"
        " --config-file /etc/octavia/amphora-agent.conf --config-file /etc/octavia/local.conf\n",
    )


def _drop_in(disk: Disk, text: str) -> None:
    """Change the agent's unit."""
    disk.run(f"mkdir {_UNITS}/{_AGENT}.d")
    disk.write(f"{_UNITS}/{_AGENT}.d/local.conf", text)


def _haproxy_missing(disk: Disk) -> None:
    disk.remove("/usr/sbin/haproxy")


def _failed_unit(disk: Disk) -> None:
    disk.write(
        f"{_UNITS}/site-setup.service",
        "[Unit]\nDescription=Site setup\n[Service]\nType=oneshot\nExecStart=/bin/false\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    disk.link(f"{_MULTI_USER}/site-setup.service", f"{_UNITS}/site-setup.service")


def _full_root(disk: Disk) -> None:
    statistics = disk.run("stats -h")
    free, block = (
        int(re.search(rf"^{field}: +(\d+)$", statistics, re.MULTILINE)[1])
        for field in ("Free blocks", "Block size")
    )
    count = free - _BLOCKS_LEFT
    disk.write("/var/lib/filler", "")
    # Blocks that nothing is written to: they are taken, and read as zeros.
    disk.run(
        f"fallocate /var/lib/filler 0 {count - 1}", f"sif /var/lib/filler size {count * block}"
    )


def _wrong_architecture(disk: Disk) -> None:
    for program in ("/usr/sbin/haproxy", "/usr/lib/systemd/systemd"):
        content = bytearray(disk.read(program))
        content[_MACHINE_AT : _MACHINE_AT + len(_AARCH64)] = _AARCH64
        disk.write(program, bytes(content), mode=0o755)


def _broken_fstab(disk: Disk) -> None:
    line = "UUID=6f3c2f0e-3b3c-4c1e-9d1c-0b5f3a0c7d11\t/var/log\text4\tdefaults\t0\t2\n"
    disk.write("/etc/fstab", disk.read("/etc/fstab") + line.encode())


def _netns_helper_missing(disk: Disk) -> None:
    disk.remove("/usr/bin/amphora-interface")


def _stale_machine_id(disk: Disk) -> None:
    disk.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", mode=0o444)


def _host_keys(disk: Disk) -> None:
    with tempfile.TemporaryDirectory(dir=disk.path.parent) as directory:
        key = pathlib.Path(directory, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        name = "/etc/ssh/ssh_host_ed25519_key"
        disk.write(name, key.read_bytes(), mode=0o600)
        disk.write(f"{name}.pub", key.with_suffix(".pub").read_bytes())


def _breaking_sysctl(disk: Disk) -> None:
    # No process gets memory any more, the first one included.
    disk.write(
        "/etc/sysctl.d/95-memory.conf", "vm.overcommit_memory = 2\nvm.overcommit_kbytes = 4\n"
    )


def _kernel_panic(disk: Disk) -> None:
    # The kernel panics when its first process ends.
    disk.remove("/usr/sbin/init")
    disk.link("/usr/sbin/init", "../bin/true")


def _silent_agent(disk: Disk) -> None:
    _drop_in(disk, "[Service]\nExecStartPre=/bin/sleep infinity\nTimeoutStartSec=infinity\n")


def drop_packets(disk: Disk) -> None:
    """Have the boot set up a firewall that lets in SSH alone."""
    rules = "table inet site { chain input {\n  type filter hook input priority 0; policy drop;\n"
    disk.write("/etc/nftables.conf", f"{rules}  tcp dport 22 accept\n}} }}\n", mode=0o755)
    wanted = f"{_UNITS}/sysinit.target.wants/nftables.service"
    disk.link(wanted, "/lib/systemd/system/nftables.service")


FAULTS: dict[str, Callable[[Disk], None]] = {
    "kernel without initrd": _no_initrd,
    "agent unit disabled": _agent_disabled,
    "wrong certificate path": _wrong_certificate_path,
    "haproxy missing": _haproxy_missing,
    "failed unit": _failed_unit,
    "full root filesystem": _full_root,
    "wrong architecture": _wrong_architecture,
    "broken fstab": _broken_fstab,
    "missing netns helper": _netns_helper_missing,
    "stale machine-id": _stale_machine_id,
    "host keys inside": _host_keys,
    "sysctl that breaks boot": _breaking_sysctl,
    # Of the bad input: what only a boot can see.
    "kernel panic": _kernel_panic,
    "silent agent": _silent_agent,
}


def broken(good: pathlib.Path, *faults: str) -> contextlib.AbstractContextManager[pathlib.Path]:
    """Give a raw image that is a good one (of the noble layout) with some of the faults."""

    def break_it(disk: Disk) -> None:
        for fault in faults:
            FAULTS[fault](disk)

    return changed(good, faults[0].replace(" ", "-"), break_it)


@contextlib.contextmanager
def changed(
    good: pathlib.Path, name: str, change: Callable[[Disk], None]
) -> Iterator[pathlib.Path]:
    """Give a raw image, named as given, that is a good one with some change."""
    path = _directory() / f"{name}.raw"
    subprocess.run(["cp", "--sparse=always", _raw(good), path], check=True)
    try:
        change(_disk(path))
        yield path
    finally:
        # It may have been moved.
        path.unlink(missing_ok=True)


@functools.cache
def _directory() -> pathlib.Path:
    """Return a directory that goes when this process ends."""
    held = contextlib.ExitStack()
    atexit.register(held.close)
    return held.enter_context(scratch.directory("broken-images"))


@functools.cache
def _raw(good: pathlib.Path) -> pathlib.Path:
    raw = _directory() / f"{good.stem}.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", good, raw], check=True)
    return raw


def _disk(path: pathlib.Path) -> Disk:
    """Find the file systems of an image, which are in partitions 1, 15 and 16."""
    sfdisk = ["/sbin/sfdisk", "--json", path]
    table = json.loads(subprocess.run(sfdisk, stdout=subprocess.PIPE, check=True).stdout)
    starts = {
        int(entry["node"].removeprefix(str(path))): entry["start"] * _SECTOR
        for entry in table["partitiontable"]["partitions"]
    }
    return Disk(path, root=starts[1], boot=starts[16], esp=starts[15])
