"""Upgrades and installs packages without the engine: a copy of the base, a chroot, and apt-get."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
from collections.abc import Iterable

from . import contents

# Runs in namespaces of its own, which take mounts and processes along.
_INSTALL = """
set -e
root=$1
shift
for directory in dev dev/pts; do mount --bind "/$directory" "$root/$directory"; done
mount -t proc proc "$root/proc"
for directory in run tmp; do mount -t tmpfs tmpfs "$root/$directory"; done
rm -f "$root/etc/resolv.conf"
cp -L /etc/resolv.conf "$root/etc/"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
chroot "$root" apt-get -qq update
# Boot loaders stay as they are.
pins="$root/etc/apt/preferences.d/plain"
printf 'Package: grub-* grub2-* shim-*\nPin: release *\nPin-Priority: -1\n' > "$pins"
chroot "$root" apt-get -qq -y --no-install-recommends dist-upgrade
rm "$pins"
chroot "$root" apt-get -qq -y --no-install-recommends install "$@"
rm "$root/usr/sbin/policy-rc.d"
"""
_TIMEOUT_S = 1200.0


def made(base: pathlib.Path, packages: Iterable[str]) -> contents.Contents:
    """Return what is in a base image after an upgrade, and ``apt-get install`` of packages."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="plain-install-") as name:
        work = pathlib.Path(name)
        root = work / "system"
        with contents.mounted(base, work) as mounted:
            subprocess.run(["cp", "--archive", mounted, root], check=True)
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*namespaces, "sh", "-c", _INSTALL, "sh", root, *sorted(packages)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return contents.look(root)
