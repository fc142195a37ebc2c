"""Seals an image: takes away what belongs to one machine or to its making."""

from __future__ import annotations

import pathlib

from . import rootfs

# Logs that stay as empty files with their owner and mode: rsyslog may not make new ones in
# /var/log, and tools such as last expect theirs.
_LOGS = "/var/log"
_EMPTIED = (
    "/etc/machine-id",
    "/var/log/btmp",
    "/var/log/lastlog",
    "/var/log/wtmp",
)
_REMOVED = (
    "/etc/.pwd.lock",
    "/root/.bash_history",
    "/root/.cache",
    "/root/.wget-hsts",
    "/var/lib/cloud/data",
    "/var/lib/cloud/handlers",
    "/var/lib/cloud/instance",
    "/var/lib/cloud/instances",
    "/var/lib/cloud/sem",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
)
# Directories that stay while all in them goes.
_CLEARED = (
    "/run",
    "/tmp",
    "/var/cache/apt",
    "/var/crash",
    "/var/lib/apt/lists",
    "/var/lib/dhcp",
    "/var/lib/systemd/timers",
    "/var/log/journal",
    "/var/tmp",
)
_HOST_KEYS = "/etc/ssh"


def seal(tree: pathlib.Path) -> None:
    """Make the system in ``tree`` one that any number of machines can be started from.

    Machine id, host keys, random seed, leases, cloud-init's memory, logs, package lists and caches
    go. Directories stay as they are.
    """
    _share_machine_id(tree)
    for path in _REMOVED:
        rootfs.remove(tree, path)
    for path in rootfs.entries(tree, _HOST_KEYS):
        if path.startswith(f"{_HOST_KEYS}/ssh_host_"):
            rootfs.remove(tree, path)
    for path in _CLEARED:
        for entry in rootfs.entries(tree, path):
            rootfs.remove(tree, entry)
    _seal_logs(tree, _LOGS)
    for path in _EMPTIED:
        file = rootfs.resolve(tree, path)
        if file.is_file():
            file.write_bytes(b"")


def _seal_logs(tree: pathlib.Path, directory: str) -> None:
    """Remove the files below a directory of logs, but for those that are to be emptied."""
    for path in rootfs.entries(tree, directory):
        found = rootfs.resolve(tree, path, follow_last=False)
        if found.is_dir() and not found.is_symlink():
            _seal_logs(tree, path)
        elif path not in _EMPTIED:
            rootfs.remove(tree, path)


def _share_machine_id(tree: pathlib.Path) -> None:
    """Have D-Bus use systemd's machine id, which is made anew at the first boot."""
    own = rootfs.resolve(tree, "/var/lib/dbus/machine-id", follow_last=False)
    if own.is_file() and not own.is_symlink():
        own.unlink()
        own.symlink_to("/etc/machine-id")
