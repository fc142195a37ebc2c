"""Makes base images from a package mirror: a stock cloud image's layout and habits."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import re
import shutil
from collections.abc import Mapping, Sequence

from ... import errors, model
from ...building.archives import logins
from ...building.disk import conversion
from ...host import files, process, source_date, web
from ...host.sandbox import emulation
from . import contents, disk, shape, snapshots

_APT_TIMEOUT_S = 60.0
_BOOTSTRAP_TIMEOUT_S = 3600.0
_TAR_TIMEOUT_S = 900.0
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
_ARCHITECTURES = {
    "amd64": _Architecture(
        ("grub-pc", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed"), "ttyS0"
    ),
    "arm64": _Architecture(("grub-efi-arm64", "grub-efi-arm64-signed", "shim-signed"), "ttyAMA0"),
    "armhf": _Architecture(("grub-efi-arm",), "ttyAMA0"),
    "ppc64el": _Architecture(("grub-ieee1275",), "hvc0", lacking=("dmidecode",)),
    "riscv64": _Architecture(("grub-efi-riscv64",), "ttyS0"),
}
_DISTRIBUTIONS = {
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
        kernels=dict.fromkeys(_ARCHITECTURES, "linux-image-virtual"),
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


def bootstrap(
    output: pathlib.Path,
    *,
    identity: str,
    distribution: str,
    release: str,
    architecture: str,
    mirror: str,
    snapshot: str = "",
    access: web.Access,
    like: shape.Shape,
    image_format: model.ImageFormat,
    work: pathlib.Path,
    holds: contents.Contents = contents.Contents(),  # noqa: B008 -- frozen
    kept: pathlib.Path | None = None,
) -> None:
    """Make a bootable cloud image; call it in a workshop.

    Args:
        output: The image to make.
        identity: What tells it from others; its partitions and file systems are named after it.
        distribution: ``debian`` or ``ubuntu``.
        release: Series, such as ``bookworm``.
        architecture: Debian architecture.
        mirror: Base URL of the archive; empty takes the mirrors of this system's apt.
        snapshot: Identifier of the snapshots to take; empty takes the present.
        access: How it is reached.
        like: What its disk is to be like.
        image_format: Format of the image.
        work: Directory for temporary files, which stay in it.
        holds: What it holds.
        kept: Archive of the packages as they were installed by another build; it is made if it is
            not there. ``None`` installs them.

    Raises:
        errors.UsageError: A name is none of those known.
        errors.ConfigError: No mirror of the distribution is known, it lacks a package, or the disk
            cannot be like that.
        errors.Denied: The mirror is not signed with a key of the keyring.
        errors.NoSpace: The base system does not fit on the disk.
        errors.Unavailable: The mirror does not give what is asked for.
    """
    about = _DISTRIBUTIONS.get(distribution)
    known = like.layout in shape.LAYOUTS and architecture in _ARCHITECTURES
    if about is None or not known:
        raise errors.UsageError(
            f"cannot build a base image of {distribution} in layout {like.layout} for"
            f" {architecture}",
            hint="supported: " + ", ".join((*_DISTRIBUTIONS, *shape.LAYOUTS, *_ARCHITECTURES)),
        )
    if not holds.keys and not os.path.exists(about.keyring):
        raise errors.ToolMissing(
            f"the archive keys {about.keyring} are missing",
            hint=f"install {distribution}'s archive keyring package, or set another keyring",
        )
    source_date.declare(holds.source_date)
    emulation.prepare(architecture)
    mirror, login = logins.of_url(mirror)
    found = archives(distribution, release, mirror, snapshot, access)
    place = work / "bootstrap"
    place.mkdir()
    disk.check(like, place)
    tree = place / "tree"
    kernel = holds.kernel or about.kernels[architecture]
    if holds.keys:
        keyring = place / holds.keyring
        keyring.write_bytes(holds.keys)
        about = dataclasses.replace(about, keyring=str(keyring))
    if kept is not None and kept.exists():
        tree.mkdir()
        _tar(kept, tree, "--extract", "--preserve-permissions")
    else:
        reaching = _reaching(access, login, place)
        packages = (*_packages(about, architecture, minimal=holds.minimal), kernel)
        _install(tree, about.keyring, release, architecture, found, reaching, packages)
        if kept is not None:
            _tar(kept, tree, "--create", ".")
    if holds.keys:
        about = dataclasses.replace(about, keyring=f"{_OWN_KEYS}/{holds.keyring}")
        own = tree / about.keyring.lstrip("/")
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_bytes(holds.keys)
    console = _ARCHITECTURES[architecture].console
    deb822 = like.layout == "noble"
    _configure(tree, distribution, about, found, deb822=deb822, console=console)

    raw = place / "disk.raw"
    disk.make(
        tree,
        raw,
        like=like,
        release=model.Release(distribution, "", release, architecture),
        identity=identity,
        moment=holds.source_date,
        work=place,
    )
    conversion.from_raw(raw, output, image_format)


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
    about = _DISTRIBUTIONS[distribution]
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
    machine = _ARCHITECTURES[architecture]
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


def _tar(archive: pathlib.Path, tree: pathlib.Path, *words: str) -> None:
    """Pack or unpack a tree with all that belongs to its files."""
    process.run(
        ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--file", str(archive)]
        + ["--directory", str(tree), *words],
        timeout_s=_TAR_TIMEOUT_S,
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
        _write(sources_list, f"# See {distribution}.sources in sources.list.d.\n")
        stanzas = "\n".join(one.stanza(keyring) for one in archives)
        _write(parts / f"{distribution}.sources", stanzas)
    else:
        _write(sources_list, "".join(f"{one.line()}\n" for one in archives))

    _write(tree / "etc/hostname", f"{distribution}\n")
    _write(tree / "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n")
    _write(tree / "etc/default/locale", "LANG=C.UTF-8\n")
    settings = _GRUB_SETTINGS.format(console=console)
    _write(tree / "etc/default/grub.d/50-cloudimg-settings.cfg", settings)
    _write(tree / "etc/cloud/cloud.cfg.d/90-base.cfg", _CLOUD_SETTINGS)
    resolver = tree / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    _write(tree / "etc/machine-id", "")
    for leftover in [*(tree / "etc/ssh").glob("ssh_host_*"), tree / "var/lib/dbus/machine-id"]:
        leftover.unlink(missing_ok=True)


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


def _write(path: pathlib.Path, text: str) -> None:
    """Write a file of the image, its directory too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
