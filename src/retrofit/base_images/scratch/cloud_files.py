"""Files that every cloud image has, whatever its distribution."""

from __future__ import annotations

import pathlib


def write(path: pathlib.Path, text: str) -> None:
    """Write a file of an image, its directory too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def name_host(tree: pathlib.Path, name: str) -> None:
    """Give a system a name until cloud-init gives each machine its own."""
    write(tree / "etc/hostname", f"{name}\n")
    write(tree / "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n")


def forget_machine(tree: pathlib.Path) -> None:
    """Take away what belongs to one machine: its identifier and keys."""
    write(tree / "etc/machine-id", "")
    for leftover in [*(tree / "etc/ssh").glob("ssh_host_*"), tree / "var/lib/dbus/machine-id"]:
        leftover.unlink(missing_ok=True)
