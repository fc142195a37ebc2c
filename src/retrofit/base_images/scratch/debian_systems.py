"""What systems of Debian and Ubuntu are made of: packages, kernels and boot loaders."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Distribution:
    """What differs between distributions.

    Attributes:
        components: Components of the archive.
        pockets: Suffixes of suites that one mirror serves.
        kernels: Package of the kernel for virtual machines, by Debian architecture.
        keyring: Keys of the archive.
        packages: What else its cloud images hold.
    """

    components: str
    pockets: tuple[str, ...]
    kernels: Mapping[str, str]
    keyring: str
    packages: tuple[str, ...]


# What Debian's genericcloud image and Ubuntu's server image have in common.
_PACKAGES = (
    "adduser apparmor apt-utils bash-completion bind9-host ca-certificates cloud-guest-utils"
    " cloud-init cpio cron curl dbus dbus-user-session dmidecode dosfstools e2fsprogs ethtool"
    " fdisk file gdisk gnupg init initramfs-tools iproute2 iputils-ping kmod less libpam-systemd"
    " locales logrotate lsof man-db manpages mount nano netbase netcat-openbsd netplan.io"
    " nftables openssh-server passwd pciutils perl polkitd procps psmisc python3 python3-apt"
    " readline-common rsync sensible-utils socat sudo systemd-resolved systemd-sysv"
    " systemd-timesyncd tcpdump tmux traceroute tzdata udev unattended-upgrades uuid-runtime"
    " vim-tiny wget whiptail xz-utils zstd"
).split()
# What a machine needs to start, and to be configured by cloud-init; a recipe adds its own.
_MINIMAL = (
    "apparmor ca-certificates cloud-guest-utils cloud-init cpio dbus e2fsprogs ethtool fdisk"
    " gdisk init initramfs-tools iproute2 kmod libpam-systemd mount netbase netplan.io passwd"
    " procps python3 sudo systemd-resolved systemd-sysv systemd-timesyncd tzdata udev zstd"
).split()


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What differs between architectures.

    Attributes:
        loaders: Packages of what starts a machine, by BIOS where there is one, by UEFI, and where
            something is signed by UEFI that verifies (Secure Boot); or by Open Firmware.
        console: The kernel's name of the first serial port.
        lacking: Packages of cloud images that it does not have.
    """

    loaders: tuple[str, ...]
    console: str
    lacking: tuple[str, ...] = ()


# By Debian's names.
ARCHITECTURES = {
    "amd64": Architecture(
        ("grub-pc", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed"), "ttyS0"
    ),
    "arm64": Architecture(("grub-efi-arm64", "grub-efi-arm64-signed", "shim-signed"), "ttyAMA0"),
    "armhf": Architecture(("grub-efi-arm",), "ttyAMA0"),
    "ppc64el": Architecture(("grub-ieee1275",), "hvc0", lacking=("dmidecode",)),
    "riscv64": Architecture(("grub-efi-riscv64",), "ttyS0"),
}
DISTRIBUTIONS = {
    "debian": Distribution(
        components="main",
        pockets=("", "-updates"),
        kernels={
            "amd64": "linux-image-cloud-amd64",
            "arm64": "linux-image-cloud-arm64",
            "armhf": "linux-image-armmp",
            "ppc64el": "linux-image-powerpc64le",
            "riscv64": "linux-image-riscv64",
        },
        keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
        packages=(),
    ),
    "ubuntu": Distribution(
        components="main universe",
        pockets=("", "-updates", "-security"),
        kernels=dict.fromkeys(ARCHITECTURES, "linux-image-virtual"),
        keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        packages=("ubuntu-minimal",),
    ),
}


def packages(about: Distribution, architecture: str, *, minimal: bool) -> tuple[str, ...]:
    """Return the packages of a base system but for the kernel.

    Args:
        about: Its distribution.
        architecture: Its architecture, by Debian's name.
        minimal: Whether it has only what it needs to start and to be configured.
    """
    machine = ARCHITECTURES[architecture]
    chosen = _MINIMAL if minimal else (*_PACKAGES, *about.packages)
    return (*(one for one in chosen if one not in machine.lacking), *machine.loaders)
