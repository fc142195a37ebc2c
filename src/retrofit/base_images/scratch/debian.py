"""Debian and Ubuntu from a mirror: what mmdebstrap installs, and what a cloud image has beside."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import re
import shutil
from collections.abc import Mapping, Sequence

from ... import errors
from ...building.archives import logins
from ...host import files, process, web
from . import cloud_files, snapshots
from . import recipe as recipes

_APT_TIMEOUT_S = 60.0
_BOOTSTRAP_TIMEOUT_S = 3600.0
_AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
# Where mmdebstrap leaves the options for apt that it was given.
_SETTINGS = "etc/apt/apt.conf.d/99mmdebstrap"
_POCKETS = ("-updates", "-security", "")
# Where a base image has keys that its distribution does not bring.
_OWN_KEYS = "/etc/apt/keyrings"
# What apt says of a package that no archive has, and of an archive that it cannot verify (its
# verifiers are gpgv and, since Debian 13, sqv).
_NO_PACKAGE = re.compile(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation")
_NOT_VERIFIED = re.compile(r"NO_PUBKEY|is not signed|Missing key|couldn't be verified")


@dataclasses.dataclass(frozen=True)
class _Distribution:
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
class _Architecture:
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
    "amd64": _Architecture(
        ("grub-pc", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed"), "ttyS0"
    ),
    "arm64": _Architecture(("grub-efi-arm64", "grub-efi-arm64-signed", "shim-signed"), "ttyAMA0"),
    "armhf": _Architecture(("grub-efi-arm",), "ttyAMA0"),
    "ppc64el": _Architecture(("grub-ieee1275",), "hvc0", lacking=("dmidecode",)),
    "riscv64": _Architecture(("grub-efi-riscv64",), "ttyS0"),
}
DISTRIBUTIONS = {
    "debian": _Distribution(
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
    "ubuntu": _Distribution(
        components="main universe",
        pockets=("", "-updates", "-security"),
        kernels=dict.fromkeys(ARCHITECTURES, "linux-image-virtual"),
        keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        packages=("ubuntu-minimal",),
    ),
}


@dataclasses.dataclass(frozen=True)
class Archive:
    """A suite of a mirror.

    Attributes:
        url: Base URL of the mirror.
        suite: Name of the suite.
        components: Its components, separated by blanks.
        pinned: Whether it is a snapshot, whose index says that it is out of date.
    """

    url: str
    suite: str
    components: str
    pinned: bool = False

    def line(self, keyring: str = "") -> str:
        """Return its line of sources.list(5), with the file of its keys."""
        options = [f"signed-by={keyring}"] if keyring else []
        if self.pinned:
            options.append("check-valid-until=no")
        words = f"[{' '.join(options)}] " if options else ""
        return f"deb {words}{self.url} {self.suite} {self.components}"

    def stanza(self, keyring: str) -> str:
        """Return the same for a file of deb822."""
        until = "Check-Valid-Until: no\n" if self.pinned else ""
        return (
            f"Types: deb\nURIs: {self.url}\nSuites: {self.suite}\n"
            f"Components: {self.components}\nSigned-By: {keyring}\n{until}"
        )


@dataclasses.dataclass(frozen=True)
class _Reaching:
    """How apt reaches mirrors: by variables of its environment and options of mmdebstrap."""

    environment: dict[str, str]
    options: tuple[str, ...]


class System:
    """A system of Debian or Ubuntu that is made in a directory.

    Args:
        recipe: How to make it.
        access: How mirrors are reached.
        place: Directory for temporary files.

    Raises:
        errors.ConfigError: No mirror of the distribution is known.
        errors.ToolMissing: The keys of the archive are missing.
    """

    def __init__(self, recipe: recipes.Recipe, access: web.Access, place: pathlib.Path) -> None:
        about = DISTRIBUTIONS[recipe.distribution]
        if not recipe.holds.keys and not os.path.exists(about.keyring):
            raise errors.ToolMissing(
                f"the archive keys {about.keyring} are missing",
                hint=f"install {recipe.distribution}'s archive keyring package, or set another"
                " keyring",
            )
        self._recipe = recipe
        self._access = access
        self._place = place
        self._about = about
        mirror, self._login = logins.of_url(recipe.mirror)
        self._archives = archives(
            recipe.distribution, recipe.release, mirror, recipe.snapshot, access
        )

    def install(self, tree: pathlib.Path) -> None:
        """Install the packages into a new directory.

        Raises:
            errors.ConfigError: The mirror lacks a package.
            errors.Denied: The mirror is not signed with a key of the keyring.
            errors.Unavailable: The mirror does not give what is asked for.
        """
        recipe, holds = self._recipe, self._recipe.holds
        keyring = self._about.keyring
        if holds.keys:
            own = self._place / holds.keyring
            own.write_bytes(holds.keys)
            keyring = str(own)
        _install(
            tree,
            keyring,
            recipe.release,
            recipe.architecture,
            self._archives,
            _reaching(self._access, self._login, self._place),
            (
                *_packages(self._about, recipe.architecture, minimal=holds.minimal),
                holds.kernel or self._about.kernels[recipe.architecture],
            ),
        )

    def configure(self, tree: pathlib.Path) -> None:
        """Write the files that make a cloud image of it."""
        recipe, about = self._recipe, self._about
        if recipe.holds.keys:
            about = dataclasses.replace(about, keyring=f"{_OWN_KEYS}/{recipe.holds.keyring}")
            own = tree / about.keyring.lstrip("/")
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(recipe.holds.keys)
        _configure(
            tree,
            recipe.distribution,
            about,
            self._archives,
            deb822=recipe.shape.layout == "noble",
            console=ARCHITECTURES[recipe.architecture].console,
        )


def archives(
    distribution: str,
    release: str,
    mirror: str,
    snapshot: str = "",
    access: web.Access = web.Access(),  # noqa: B008 -- frozen
) -> list[Archive]:
    """Return the suites that a base image is made of.

    Args:
        distribution: ``debian`` or ``ubuntu``.
        release: Series, such as ``bookworm``.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        snapshot: Identifier of the snapshots to take; empty takes the present.
        access: How mirrors are asked where their snapshots are.

    Raises:
        errors.ConfigError: No mirror of the distribution is known, or it has no snapshots.
        errors.RetrofitError: A mirror does not answer.
    """
    about = DISTRIBUTIONS[distribution]
    if mirror:
        url = mirror.rstrip("/")
        found = [Archive(url, release + pocket, about.components) for pocket in about.pockets]
    else:
        found = _host_archives(distribution, release, about.components)
    if not snapshot:
        return found
    return [
        dataclasses.replace(
            one, url=snapshots.of(one.url, one.suite, snapshot, access), pinned=True
        )
        for one in found
    ]


def _packages(about: _Distribution, architecture: str, *, minimal: bool) -> tuple[str, ...]:
    """Return the packages of a base system but for the kernel."""
    machine = ARCHITECTURES[architecture]
    chosen = _MINIMAL if minimal else (*_PACKAGES, *about.packages)
    return (*(one for one in chosen if one not in machine.lacking), *machine.loaders)


def _reaching(access: web.Access, login: str, place: pathlib.Path) -> _Reaching:
    """Write down how mirrors are reached, in apt's words."""
    options = []
    if login:
        logins_file = place / "logins"
        files.write(logins_file, login, mode=0o600)
        options.append(f'Dir::Etc::netrc "{logins_file}"')
    if access.ca_certificate:
        bundle = place / "authorities.pem"
        bundle.write_text(_AUTHORITIES.read_text() + access.ca_certificate)
        options.append(f'Acquire::https::CAInfo "{bundle}"')
    if options:
        # An apt that gave up root's rights could not read the files where they are.
        options.append('APT::Sandbox::User "root"')
    return _Reaching(
        access.proxies.environment(), tuple(f"--aptopt={option}" for option in options)
    )


def _host_archives(distribution: str, release: str, components: str) -> list[Archive]:
    """Find mirrors of a distribution among the sources of this system's apt.

    Raises:
        errors.ConfigError: There are none.
    """
    completed = process.run(
        ["apt-get", "indextargets", "--format"]
        + ["$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        timeout_s=_APT_TIMEOUT_S,
    )
    series = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found: list[Archive] = []
    for line in completed.stdout.splitlines():
        origin, url, suite, component = line.split("|")
        pocket = suite.removeprefix(series)
        # Origin is empty as long as apt has fetched no index.
        ours = origin.lower() in ("", distribution) and f"/{distribution}" in url
        archive = Archive(url.rstrip("/"), release + pocket, components)
        if ours and pocket in _POCKETS and component == "main" and archive not in found:
            found.append(archive)
    if not found:
        raise errors.ConfigError(
            f"this system's apt sources have no mirror of {distribution}",
            hint="set a mirror with --mirror",
        )
    return found


def _install(
    tree: pathlib.Path,
    keyring: str,
    release: str,
    architecture: str,
    archives: list[Archive],
    reaching: _Reaching,
    packages: Sequence[str],
) -> None:
    """Install the packages into a new directory."""
    try:
        process.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
            + [
                f"--architectures={architecture}",
                f"--include={','.join(packages)}",
                # It goes by the host's own registrations of emulators.
                "--skip=check/qemu",
                *reaching.options,
                release,
                tree,
                *(one.line(keyring) for one in archives),
            ],
            timeout_s=_BOOTSTRAP_TIMEOUT_S,
            extra_environment=reaching.environment,
        )
    except errors.CommandError as failure:
        raise _complaint(failure, release, archives[0].url) from failure
    # How this machine reached the mirror is nothing to the image.
    tree.joinpath(_SETTINGS).unlink(missing_ok=True)


def _complaint(failure: errors.CommandError, release: str, url: str) -> errors.RetrofitError:
    """Say what mmdebstrap failed at, by what its apt said of it."""
    said = "\n".join(failure.details)
    lacking = _NO_PACKAGE.search(said)
    if lacking is not None:
        return errors.ConfigError(
            f"{url} has no package {lacking[1] or lacking[2]} for {release}",
            hint="correct the name of the package",
            details=failure.details,
        )
    if _NOT_VERIFIED.search(said):
        return errors.Denied(
            f"{url} is not signed with a key that is trusted",
            hint="set the keyring of this archive",
            details=failure.details,
        )
    return errors.Unavailable(
        f"no base system of {release} can be installed from {url}",
        hint="check the mirror and the release",
        details=failure.details,
    )


def _configure(
    tree: pathlib.Path,
    distribution: str,
    about: _Distribution,
    archives: list[Archive],
    *,
    deb822: bool,
    console: str,
) -> None:
    """Write the files that make a cloud image of a system."""
    sources_list = tree / "etc/apt/sources.list"
    parts = tree / "etc/apt/sources.list.d"
    shutil.rmtree(parts)
    parts.mkdir()
    keyring = about.keyring
    if deb822:
        cloud_files.write(sources_list, f"# See {distribution}.sources in sources.list.d.\n")
        stanzas = "\n".join(one.stanza(keyring) for one in archives)
        cloud_files.write(parts / f"{distribution}.sources", stanzas)
    else:
        cloud_files.write(sources_list, "".join(f"{one.line()}\n" for one in archives))

    cloud_files.name_host(tree, distribution)
    cloud_files.write(tree / "etc/default/locale", "LANG=C.UTF-8\n")
    settings = _GRUB_SETTINGS.format(console=console)
    cloud_files.write(tree / "etc/default/grub.d/50-cloudimg-settings.cfg", settings)
    cloud_files.write(tree / "etc/cloud/cloud.cfg.d/90-base.cfg", _CLOUD_SETTINGS)
    resolver = tree / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    cloud_files.forget_machine(tree)


_GRUB_SETTINGS = """\
GRUB_TIMEOUT=0
GRUB_RECORDFAIL_TIMEOUT=0
GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console={console}"
GRUB_TERMINAL=console
"""
_CLOUD_SETTINGS = """\
# The image's own archive mirror and locale stay as they are.
apt:
  preserve_sources_list: true
locale: C.UTF-8
"""
