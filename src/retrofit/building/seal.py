"""Seals an image: takes away what belongs to one machine or to its making."""

from __future__ import annotations

import pathlib

from ..host import rootfs

_LOGS = "/var/log"
# An empty file has each machine make its own. Without the file systemd takes the first boot for a
# new system's, and enables every service that its presets name: haproxy, too.
_MACHINE_ID = "/etc/machine-id"
# What stays as an empty file; nobody makes the records of logins anew.
_EMPTIED = (
    _MACHINE_ID,
    "/var/log/btmp",
    "/var/log/faillog",
    "/var/log/lastlog",
    "/var/log/wtmp",
)
_REMOVED = (
    "/root/.bash_history",
    "/root/.cache",
    "/root/.wget-hsts",
    "/var/cache/debconf/tmp.ci",
    # It knows files by their inode numbers, which are others in the file system that is written.
    "/var/cache/ldconfig/aux-cache",
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
    # Fonts of packages by the times they were unpacked; who draws a font makes it anew.
    "/var/cache/fontconfig",
    "/var/crash",
    "/var/lib/dhcp",
    "/var/lib/systemd/timers",
    "/var/log/journal",
    "/var/tmp",
)
# Directories below which all files go: apt wants their subdirectories, with their owners, back.
_WITHOUT_FILES = (
    "/var/cache/apt",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/lib/apt/lists",
)
_HOST_KEYS = "/etc/ssh"


def seal(tree: pathlib.Path) -> None:
    """Make the system in ``tree`` one that any number of machines can be started from.

    Machine id, host keys, random seed, leases, cloud-init's memory, logs, package lists and caches
    go. Directories stay as they are.
    """
    _keep_machine_id(tree)
    _share_machine_id(tree)
    for path in _REMOVED:
        rootfs.remove(tree, path)
    for path in rootfs.entries(tree, _HOST_KEYS):
        if path.startswith(f"{_HOST_KEYS}/ssh_host_"):
            rootfs.remove(tree, path)
    for path in _CLEARED:
        for entry in rootfs.entries(tree, path):
            rootfs.remove(tree, entry)
    for path in (*_WITHOUT_FILES, _LOGS):
        _remove_files(tree, path)
    for path in _EMPTIED:
        file = rootfs.resolve(tree, path)
        if file.is_file():
            file.write_bytes(b"")


def _remove_files(tree: pathlib.Path, directory: str) -> None:
    """Remove the files below a directory, but for links and what is to be emptied."""
    for path in rootfs.entries(tree, directory):
        found = rootfs.resolve(tree, path, follow_last=False)
        if found.is_symlink():
            continue
        if found.is_dir():
            _remove_files(tree, path)
        elif path not in _EMPTIED:
            found.unlink()


def _keep_machine_id(tree: pathlib.Path) -> None:
    """Have a system hold the file of its machine id, which is emptied."""
    own = rootfs.resolve(tree, _MACHINE_ID)
    if own.parent.is_dir() and not own.exists():
        rootfs.write(tree, _MACHINE_ID, "", mode=0o444)


def _share_machine_id(tree: pathlib.Path) -> None:
    """Have D-Bus use systemd's machine id, which is made anew at the first boot."""
    own = rootfs.resolve(tree, "/var/lib/dbus/machine-id", follow_last=False)
    if own.is_file() and not own.is_symlink():
        own.unlink()
        own.symlink_to(_MACHINE_ID)
