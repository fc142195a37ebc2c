"""Has the generator of base images make Debian's own cloud image, as its cloud team does.

From their recipe of ``genericcloud`` for Debian 13: the boot loader of grub-cloud-amd64 with its
settings, shim and signed GRUB for UEFI, partitions by identifier, mirror lists.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any
from unittest import mock

from retrofit import model
from retrofit.base_images.scratch import archives, boot_loader, debian, debian_systems, disk, shape
from retrofit.building.disk import layout

_PACKAGES = (
    "apparmor apt-listchanges apt-utils bash-completion bind9-host ca-certificates"
    " cloud-guest-utils cloud-init cloud-initramfs-growroot curl dbus ethtool grub-cloud-amd64"
    " init initramfs-tools iproute2 iptables iputils-ping less libnss-myhostname libnss-resolve"
    " libpam-systemd man-db manpages nano netbase netplan.io openssh-server pciutils polkitd"
    " psmisc reportbug screen socat ssh-import-id sudo systemd-resolved systemd-timesyncd"
    " tcpdump traceroute unattended-upgrades uuid-runtime vim vim-tiny whiptail xz-utils zstd"
).split()
LAYOUT = "jammy"
# As the image's sfdisk is told: 6,144 and 253,952 sectors.
_SLOTS = (
    dataclasses.replace(disk._BIOS_SLOT, size=3 * model.MIB),
    dataclasses.replace(disk._ESP_SLOT, size=124 * model.MIB, label="NO NAME"),
)
_FILES = {
    "etc/default/grub.d/10_cloud.cfg": (
        "# Use PARTUUID instead of UUID for root=\n"
        "GRUB_DISABLE_LINUX_UUID=true\n"
        "GRUB_DISABLE_LINUX_PARTUUID=\n"
    ),
    "etc/default/grub.d/15_timeout.cfg": "GRUB_TIMEOUT=0\n",
    "etc/grub.d/enable_cloud": "",
    "etc/cloud/cloud.cfg.d/01_debian_cloud.cfg": (
        "apt:\n  generate_mirrorlists: true\n"
        "system_info:\n  default_user:\n    name: debian\n    lock_passwd: true\n"
    ),
    "etc/modprobe.d/blacklist.conf": "blacklist pcspkr\nblacklist floppy\n",
    "etc/hostname": "",
}
_FSTAB = """\
PARTUUID={root} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1
PARTUUID={esp} /boot/efi vfat defaults 0 0
"""
_SOURCE = """\
Types: deb deb-src
URIs: mirror+file://{mirrors}
Suites: {suites}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
# What grub-install puts beside each other for firmware that verifies (--uefi-secure-boot), and
# again where firmware looks on a disk that it was told nothing of (--force-extra-removable).
_SIGNED = {
    "usr/lib/shim/shimx64.efi.signed": ("EFI/debian/shimx64.efi", "EFI/BOOT/BOOTX64.EFI"),
    "usr/lib/shim/mmx64.efi.signed": ("EFI/debian/mmx64.efi", "EFI/BOOT/mmx64.efi"),
    "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": (
        "EFI/debian/grubx64.efi",
        "EFI/BOOT/grubx64.efi",
    ),
}
_STUB = """\
search.fs_uuid {uuid} root
set prefix=($root)'/boot/grub'
configfile $prefix/grub.cfg
"""


@contextlib.contextmanager
def habits() -> Iterator[None]:
    """Have the generator follow Debian's habits within the context."""
    configure, install = debian._configure, boot_loader.install

    def configured(
        tree: pathlib.Path,
        distribution: str,
        about: Any,
        suites: list[archives.Archive],
        **options: Any,
    ) -> None:
        configure(tree, distribution, about, suites, **options)
        _configure(tree, suites)

    def installed(
        tree: pathlib.Path, esp: pathlib.Path, raw: pathlib.Path, found: layout.Layout, *rest: Any
    ) -> None:
        assert found.esp is not None
        parts = {"root": found.root.partition.uuid, "esp": found.esp.partition.uuid}
        (tree / "etc/fstab").write_text(_FSTAB.format(**parts))
        fonts = tree / "boot/grub/fonts"
        fonts.mkdir(parents=True)
        shutil.copyfile(tree / "usr/share/grub/unicode.pf2", fonts / "unicode.pf2")
        install(tree, esp, raw, found, *rest)
        _sign(tree, esp, found)

    with (
        mock.patch.object(debian_systems, "_PACKAGES", _PACKAGES),
        mock.patch.object(debian, "_configure", configured),
        mock.patch.object(boot_loader, "install", installed),
        mock.patch.object(disk, "_BIOS_SLOT", _SLOTS[0]),
        mock.patch.object(disk, "_ESP_SLOT", _SLOTS[1]),
        # grub-cloud-amd64 is all that Debian's image has.
        mock.patch.dict(
            debian_systems.ARCHITECTURES,
            amd64=dataclasses.replace(debian_systems.ARCHITECTURES["amd64"], loaders=()),
        ),
        mock.patch.dict(shape._LABELS, {"ext4": ""}),
    ):
        yield


def _configure(tree: pathlib.Path, suites: list[archives.Archive]) -> None:
    """Write the files of Debian's image in place of those of the generator."""
    for other in (
        "etc/default/grub.d/50-cloudimg-settings.cfg",
        "etc/cloud/cloud.cfg.d/90-base.cfg",
        "etc/default/locale",
    ):
        (tree / other).unlink()
    stanzas = []
    for name, (url, of_it) in _mirrors(suites).items():
        mirrors = tree / "etc/apt/mirrors" / f"{name}.list"
        mirrors.parent.mkdir(exist_ok=True)
        mirrors.write_text(f"{url}\n")
        stanzas.append(_SOURCE.format(mirrors=f"/etc/apt/mirrors/{name}.list", suites=of_it))
    (tree / "etc/apt/sources.list").write_text("# See /etc/apt/sources.list.d/debian.sources\n")
    (tree / "etc/apt/sources.list.d/debian.sources").write_text("\n".join(stanzas))
    for path, text in _FILES.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    resolver = tree / "etc/resolv.conf"
    resolver.unlink()
    resolver.symlink_to("/run/systemd/resolve/resolv.conf")


def _mirrors(suites: list[archives.Archive]) -> dict[str, tuple[str, str]]:
    """Return the URL and the suites of each of Debian's archives, by the name of its list."""
    found: dict[str, tuple[str, str]] = {}
    for archive in suites:
        name = "debian-security" if archive.suite.endswith("-security") else "debian"
        _, known = found.get(name, ("", ""))
        found[name] = archive.url, f"{known} {archive.suite}".strip()
    return found


def _sign(tree: pathlib.Path, esp: pathlib.Path, found: layout.Layout) -> None:
    """Put shim and the signed GRUB in place of a program that is linked here."""
    for source, targets in _SIGNED.items():
        for target in targets:
            (esp / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / source, esp / target)
    stub = _STUB.format(uuid=found.root.filesystem.uuid)
    (esp / "EFI/debian/grub.cfg").write_text(stub)
