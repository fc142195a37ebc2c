"""What each machine makes for itself, and so must not be in an image."""

from __future__ import annotations

from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_MACHINE_ID, _DBUS_ID = "/etc/machine-id", "/var/lib/dbus/machine-id"
_SSH = "/etc/ssh"
# Left by a first boot, with what else a second machine would take for its own.
_OF_ONE_MACHINE = (
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/var/lib/cloud/data",
    "/var/lib/cloud/instance",
    "/var/lib/cloud/instances",
    "/var/lib/cloud/sem",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
)
_LEASES = ("/var/lib/dhcp", "/var/lib/NetworkManager", "/run/systemd/netif/leases")


def machine_id() -> subject.Check:
    """The machine id is an empty file: each machine makes its own at its first boot."""
    return subject.Check("machine id", _machine_id)


def _machine_id(image: subject.Subject) -> findings.Verdict:
    own = reading.text(image.tree, _MACHINE_ID)
    if own is None:
        # systemd would then take the boot for a new system's, and enable what has no link.
        return findings.failed(f"{_MACHINE_ID} is missing: a boot would enable every service")
    if own.strip() == "uninitialized":
        return findings.failed(
            f"{_MACHINE_ID} is 'uninitialized': a boot would enable every service"
        )
    if own:
        return findings.failed(
            f"all machines would have the ID {own.strip()[:32]!r} of {_MACHINE_ID}"
        )
    dbus = rootfs.resolve(image.tree, _DBUS_ID, follow_last=False)
    if dbus.exists() and not dbus.is_symlink():
        return findings.failed(f"all machines would have the ID in the separate file {_DBUS_ID}")
    return findings.passed(f"{_MACHINE_ID} is empty")


def host_keys() -> subject.Check:
    """No SSH host key is there: each machine makes its own at its first boot."""
    return subject.Check("host keys", _host_keys)


def _host_keys(image: subject.Subject) -> findings.Verdict:
    keys = [
        path for path in rootfs.entries(image.tree, _SSH) if path.startswith(f"{_SSH}/ssh_host_")
    ]
    if keys:
        return findings.failed(f"all machines would have the host keys {reading.some(keys)}")
    return findings.passed(f"none in {_SSH}")


def first_boot() -> subject.Check:
    """Nothing is left of a previous boot: leases, random seed, what cloud-init did already."""
    return subject.Check("first boot", _first_boot)


def _first_boot(image: subject.Subject) -> findings.Verdict:
    left = [
        path
        for path in _OF_ONE_MACHINE
        if rootfs.resolve(image.tree, path, follow_last=False).exists()
    ]
    left += [
        path
        for directory in _LEASES
        for path in rootfs.entries(image.tree, directory)
        if path.endswith((".lease", ".leases"))
    ]
    if left:
        return findings.failed(f"files of an earlier boot: {reading.some(left)}")
    return findings.passed("no files of an earlier boot")
