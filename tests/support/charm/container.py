"""Unprivileged containers with systemd, as Juju makes them on LXD."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from retrofit import errors
from retrofit.base_images.scratch import archives
from retrofit.host import process

from . import lxd as lxd_module

# What a machine has on which Juju would place a unit: an init system, network, Python and apt.
_PACKAGES = (
    "apt-utils",
    "ca-certificates",
    "dbus",
    "init",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "netbase",
    "python3",
    "python3-apt",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
)
_NETWORK = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n"
_CA_DIRECTORY = pathlib.Path("/usr/local/share/ca-certificates")
_MACHINE_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_BOOT_TIMEOUT_S = 60
_BOOTSTRAP_TIMEOUT_S = 900
_PRINTED = "/srv/printed"
_NUMBERS = itertools.count()
# What a program prints goes to a file that the host sees: LXD passes on nothing of it now and
# then while all processors are busy (https://github.com/lxc/lxc/issues/4282).
_KEPT = f'printed={_PRINTED}/$1; shift; exec "$@" > "$printed"'

# The profile of a Juju model: nesting is what lets the build make namespaces of its own.
_MODEL_PROFILE: dict[str, Any] = {
    "config": {"boot.autostart": "true", "security.nesting": "true"},
    "devices": {
        "root": {"type": "disk", "path": "/", "pool": lxd_module.POOL},
        "eth0": {"type": "nic", "name": "eth0", "network": lxd_module.BRIDGE},
    },
}


class Container:
    """A running container.

    Args:
        lxd: Where it runs.
        name: Its name there.
        printed: Directory of the host that it sees as ``/srv/printed``.
    """

    def __init__(self, lxd: lxd_module.Lxd, name: str, printed: pathlib.Path) -> None:
        self.lxd = lxd
        self.name = name
        self._printed = printed
        self._sockets: list[str] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = 60,
        environment: Mapping[str, str] | None = None,
        cwd: str = "/root",
        text_input: str | None = None,
        on_line: Callable[[str], None] | None = None,
        check: bool = True,
    ) -> process.Completed:
        """Run a program as root inside; see :func:`retrofit.host.process.run`.

        Lines of standard output come to ``on_line`` when the program has ended.
        """
        variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
        printed = self._printed / uuid.uuid4().hex
        try:
            completed = self.lxd.run(
                "exec",
                self.name,
                "--force-noninteractive",
                f"--cwd={cwd}",
                *variables,
                "--",
                *("sh", "-c", _KEPT, "sh", printed.name),
                *argv,
                timeout_s=timeout_s,
                text_input=text_input,
                on_line=on_line,
                check=check,
            )
        finally:
            stdout = printed.read_text(errors="replace") if printed.exists() else ""
            printed.unlink(missing_ok=True)
            if on_line:
                for line in stdout.splitlines():
                    on_line(line)
        return dataclasses.replace(completed, kept=stdout)

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return self.run(["cat", path]).stdout

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Make a file of root's, and the directories above it."""
        script = 'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "write", path, f"{mode:o}"], text_input=text)

    def exists(self, path: str) -> bool:
        """Say whether there is anything at a path."""
        return self.run(["test", "-e", path], check=False).returncode == 0

    def unpack(self, archive: pathlib.Path, directory: str) -> None:
        """Unpack a tar archive of the host into a directory."""
        inside = f"/var/tmp/{archive.name}"
        self.lxd.run("file", "push", archive, f"{self.name}{inside}", timeout_s=300)
        self.run(["mkdir", "-p", directory])
        self.run(
            [
                "tar",
                "--extract",
                "--no-same-owner",
                f"--file={inside}",
                f"--directory={directory}",
            ],
            timeout_s=300,
        )
        self.run(["rm", inside])

    def restart(self) -> None:
        """Cut the power, and wait until it is up again."""
        self.lxd.run("stop", "--force", self.name, timeout_s=_BOOT_TIMEOUT_S)
        for inside in self._sockets:
            # A proxy that is killed leaves it, and then cannot listen there again.
            self.lxd.run("file", "delete", f"{self.name}{inside}", check=False)
        self.lxd.run("start", self.name, timeout_s=_BOOT_TIMEOUT_S)
        self.wait_booted()

    def join_port(self, port: int) -> None:
        """Let a loopback port of the container reach the same one of the host."""
        address = f"tcp:127.0.0.1:{port}"
        self._add_proxy(f"port-{port}", listen=address, connect=address)

    @contextlib.contextmanager
    def joined_socket(self, inside: str, outside: pathlib.Path) -> Iterator[None]:
        """Let a Unix socket of the container reach one of the host for a while."""
        self.run(["mkdir", "-p", os.path.dirname(inside)])
        device = hashlib.sha256(inside.encode()).hexdigest()[:16]
        self._add_proxy(device, listen=f"unix:{inside}", connect=f"unix:{outside}")
        self._sockets.append(inside)
        try:
            yield
        finally:
            self._sockets.remove(inside)
            self.lxd.run("config", "device", "remove", self.name, device)

    def _add_proxy(self, device: str, *, listen: str, connect: str) -> None:
        ends = ("bind=instance", f"listen={listen}", f"connect={connect}")
        self.lxd.run("config", "device", "add", self.name, device, "proxy", *ends)

    def wait_booted(self) -> None:
        """Wait until systemd has started what it starts, and the network has an address.

        Raises:
            errors.CommandError: It took too long.
        """
        deadline = time.monotonic() + _BOOT_TIMEOUT_S
        while True:
            state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
            # "degraded" is what a container is: it may not set up binfmt_misc, for one.
            routes = self.run(["ip", "-4", "route", "show", "default"], check=False).stdout
            if state in {"running", "degraded"} and routes:
                return
            if time.monotonic() > deadline:
                raise errors.CommandError(f"container {self.name} did not boot: {state}")
            time.sleep(0.3)


@contextlib.contextmanager
def launched(
    lxd: lxd_module.Lxd,
    name: str,
    *,
    charm_profile: Mapping[str, Any] | None = None,
    series: str = "",
) -> Iterator[Container]:
    """Launch a container under Juju's profile and the charm's, and remove it in the end.

    Args:
        lxd: Where to launch it.
        name: What it is for, as a part of its name.
        charm_profile: Content of the charm's ``lxd-profile.yaml``.
        series: Code name of its release; empty for the host's own.
    """
    # A process may have two of a kind at a time.
    full_name = f"{lxd_module.PREFIX}{name}-{os.getpid()}-{next(_NUMBERS)}"
    profiles = {
        f"{lxd_module.PREFIX}model": _MODEL_PROFILE,
        full_name: charm_profile or {},
    }
    with lxd_module.exclusive():
        image = ensure_image(lxd, series)
        for profile, content in profiles.items():
            lxd.write_profile(profile, content)
    with lxd_module.shared_directory() as printed:
        try:
            options = [f"--profile={profile}" for profile in profiles]
            lxd.run("launch", image, full_name, *options, timeout_s=300)
            shared = (f"source={printed}", f"path={_PRINTED}")
            lxd.run("config", "device", "add", full_name, "printed", "disk", *shared)
            container = Container(lxd, full_name, printed)
            container.wait_booted()
            container.write("/etc/resolv.conf", f"nameserver {lxd.gateway}\n")
            yield container
        finally:
            if full_name in lxd.instances():
                lxd.delete(full_name)
            lxd.run("profile", "delete", full_name)


def ensure_image(lxd: lxd_module.Lxd, series: str = "") -> str:
    """Return the alias of an image of a release, the host's own or another; make it if missing."""
    sources = apt_sources(series)
    authorities = {path.name: path.read_text() for path in sorted(_CA_DIRECTORY.glob("*.crt"))}
    ingredients = json.dumps([_PACKAGES, _NETWORK, sources, authorities])
    alias = f"{lxd_module.PREFIX}{hashlib.sha256(ingredients.encode()).hexdigest()[:16]}"
    if alias in lxd.image_aliases():
        return alias
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        root = directory / "root.tar"
        _bootstrap(root, sources, directory)
        lxd.run("image", "import", _image_metadata(directory), root, f"--alias={alias}")
    return alias


def _bootstrap(root: pathlib.Path, sources: Sequence[str], scratch: pathlib.Path) -> None:
    """Write the file system of a machine as a tar archive."""
    network = scratch / "eth0.network"
    network.write_text(_NETWORK)
    process.run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(_PACKAGES)}",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            f"--customize-hook=upload {network} /etc/systemd/network/eth0.network",
            '--customize-hook=chroot "$1" systemctl enable systemd-networkd',
            f"--customize-hook=sync-in {_CA_DIRECTORY} {_CA_DIRECTORY}",
            '--customize-hook=chroot "$1" update-ca-certificates',
            "",
            root,
            *sources,
        ],
        timeout_s=_BOOTSTRAP_TIMEOUT_S,
    )


def _image_metadata(directory: pathlib.Path) -> pathlib.Path:
    """Write what LXD wants to know of an image, as the archive in which it wants it."""
    debian = process.run(["dpkg", "--print-architecture"], timeout_s=10).stdout.strip()
    metadata = directory / "metadata.yaml"
    content = {
        "architecture": _MACHINE_ARCHITECTURES.get(debian, debian),
        "creation_date": int(time.time()),
        "properties": {"description": "Machine for the tests of octavia-diskimage-retrofit"},
    }
    metadata.write_text(json.dumps(content))
    archive = directory / "metadata.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(metadata, arcname=metadata.name)
    return archive


def apt_sources(series: str = "") -> list[str]:
    """Return the host's package sources of its own distribution, as one-line entries.

    Args:
        series: Code name of the release that they are to bring; empty for the host's own.
    """
    release = dict(
        line.split("=", 1)
        for line in pathlib.Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    own = release["VERSION_CODENAME"].strip('"')
    targets = process.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
            "Created-By: Packages",
        ],
        timeout_s=60,
    ).stdout
    components: dict[tuple[str, str], list[str]] = {}
    for line in targets.splitlines():
        named, suite, component, *origin = line.split()
        uri = archives.first_mirror(named)
        # Third parties name their suites after the series, too.
        official = not origin or origin[0] in {"Debian", "Ubuntu"}
        if official and suite.split("-")[0] == own:
            wanted = suite.replace(own, series or own, 1)
            components.setdefault((uri, wanted), []).append(component)
    return [
        f"deb {uri} {suite} {' '.join(dict.fromkeys(names))}"
        for (uri, suite), names in components.items()
    ]
