"""Packages that Ubuntu has under its own names, or with its own content, made of Debian's.

What follows Ubuntu's packaging here is named in docs/explanation/ubuntu-in-tests.md.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable

from retrofit.host import process

from . import debs

# Debian's packages, whose names Ubuntu does not have or gives to other ones.
REPLACED = frozenset(
    (
        "base-files",
        "linux-image-amd64",
        "linux-image-cloud-amd64",
        "octavia-agent",
        "octavia-common",
        "python3-octavia",
        "rsyslog",
    )
)
KERNEL, NEWER_KERNEL = "6.8.0-31.31", "6.8.0-45.45"
_RUST_COREUTILS = "usr/lib/cargo/bin/coreutils"
_RSYSLOG = "etc/apparmor.d/usr.sbin.rsyslogd"
_TIMEOUT_S = 60.0
# Gives the file of one of Debian's packages.
Fetch = Callable[[str], pathlib.Path]


def base_files(pool: pathlib.Path, fetch: Fetch, series: str, system: str, version: str) -> None:
    """Make ``base-files``, which says what the system is.

    Args:
        pool: Where.
        fetch: Gives Debian's package.
        series: Name of the series.
        system: Its version.
        version: The package's.
    """

    def change(root: pathlib.Path) -> None:
        about = {
            "PRETTY_NAME": f"Ubuntu {system} LTS",
            "NAME": "Ubuntu",
            "VERSION_ID": system,
            "VERSION": f"{system} LTS",
            "VERSION_CODENAME": series,
            "ID": "ubuntu",
            "ID_LIKE": "debian",
            "UBUNTU_CODENAME": series,
        }
        lines = [f'{key}="{value}"\n' for key, value in about.items()]
        (root / "usr/lib/os-release").write_text("".join(lines))
        (root / "etc/dpkg/origins/ubuntu").write_text("Vendor: Ubuntu\nParent: Debian\n")
        (root / "etc/dpkg/origins/default").unlink(missing_ok=True)
        (root / "etc/dpkg/origins/default").symlink_to("ubuntu")
        (root / "etc/lsb-release").write_text(
            f"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={system}\nDISTRIB_CODENAME={series}\n"
        )

    debs.remake(pool, fetch("base-files"), {"Version": version}, change)


def coreutils(pool: pathlib.Path, fetch: Fetch) -> None:
    """Make ``coreutils`` of those in Rust; GNU's have other names beside them."""
    with tempfile.TemporaryDirectory(prefix="coreutils-") as name:
        words = ["dpkg-deb", "--extract", fetch("rust-coreutils"), name]
        process.run(words, timeout_s=_TIMEOUT_S)
        known = {path.name for path in pathlib.Path(name, _RUST_COREUTILS).iterdir()}

    def change(root: pathlib.Path) -> None:
        programs = [path for path in (root / "usr").glob("*bin/*") if path.name in known]
        for program in programs:
            program.rename(program.with_name(f"gnu{program.name}"))
            program.symlink_to(f"../../{_RUST_COREUTILS}/{program.name}")

    deb = fetch("coreutils")
    needed = f"{_field(deb, 'Pre-Depends')}, rust-coreutils"
    fields = {"Version": f"{_field(deb, 'Version')}ubuntu1", "Pre-Depends": needed}
    debs.remake(pool, deb, fields, change)


def rsyslog(pool: pathlib.Path, fetch: Fetch) -> None:
    """Make ``rsyslog``, which is confined."""

    def change(root: pathlib.Path) -> None:
        (root / "etc/apparmor.d").mkdir()
        (root / _RSYSLOG).write_text(_RSYSLOG_PROFILE)
        with (root / "DEBIAN/conffiles").open("a") as names:
            names.write(f"/{_RSYSLOG}\n")

    deb = fetch("rsyslog")
    debs.remake(pool, deb, {"Version": f"{_field(deb, 'Version')}ubuntu1"}, change)


def newer(pool: pathlib.Path, fetch: Fetch, name: str) -> None:
    """Make a version of a package that mends a fault."""
    deb = fetch(name)
    debs.remake(pool, deb, {"Version": f"{_field(deb, 'Version')}ubuntu0.1"})


def keyring(pool: pathlib.Path, name: str, key: bytes, *paths: str) -> None:
    """Make a package of an archive's key, in each of some files."""
    debs.make(pool, debs.Package(name, "2026.1", files=dict.fromkeys(paths, key)))


def kernels(pool: pathlib.Path, flavours: dict[str, str], version: str) -> None:
    """Make the packages by which Ubuntu's flavours of a kernel come, of Debian's kernels."""
    for flavour, image in flavours.items():
        fields = {"Depends": image, "Architecture": "amd64"}
        debs.make(pool, debs.Package(f"linux-image-{flavour}", version, fields))


def stock_image(pool: pathlib.Path, series: str) -> None:
    """Make what a cloud image holds beside what Debian's does."""
    minimal = {
        "Depends": "apt, cloud-image-habits, netplan.io, snapd, ubuntu-keyring, ubuntu-pro-client"
    }
    debs.make(pool, debs.Package("ubuntu-minimal", "1.539", minimal))
    habits = {
        "var/lib/snapd/seed/seed.yaml": _SEED,
        "var/lib/snapd/seed/snaps/core22_1.snap": b"not a snap\n",
        "etc/cloud/build.info": b"build_name: server\nserial: 20260801\n",
    }
    stock = {"Depends": "needrestart, pollinate, unattended-upgrades"}
    debs.make(pool, debs.Package("cloud-image-habits", "1", stock, files=habits))
    hook = "usr/lib/ubuntu-advantage/apt-esm-json-hook"
    # As in an image that no subscription is attached to: apt itself does not read these sources.
    esm = "var/lib/ubuntu-advantage/apt-esm/etc/apt/sources.list.d/ubuntu-esm-apps.sources"
    pro = debs.Package(
        "ubuntu-pro-client",
        "34~24.04",
        {"Architecture": "amd64", "Depends": "python3"},
        files={
            "etc/apt/apt.conf.d/20apt-esm-hook.conf": _ESM_HOOK.encode(),
            "etc/apt/preferences.d/ubuntu-pro-esm-apps": _ESM_PINS.format(series).encode(),
            esm: _ESM_SOURCES.format(series).encode(),
        },
        programs={hook: _HOOK},
        configuration=(
            "etc/apt/apt.conf.d/20apt-esm-hook.conf",
            "etc/apt/preferences.d/ubuntu-pro-esm-apps",
        ),
    )
    debs.make(pool, pro)


def _field(deb: pathlib.Path, name: str) -> str:
    control = process.run(["dpkg-deb", "--field", deb, name], timeout_s=_TIMEOUT_S)
    return control.stdout.strip()


_SEED = b"""\
snaps:
  -
    name: core22
    channel: stable
    file: core22_1.snap
"""
_RSYSLOG_PROFILE = """\
abi <abi/3.0>,
include <tunables/global>
profile rsyslogd /usr/sbin/rsyslogd {
  include <abstractions/base>
  include <abstractions/nameservice>
  capability sys_tty_config,
  capability dac_override,
  capability dac_read_search,
  capability setuid,
  capability setgid,
  capability sys_nice,
  capability syslog,
  capability sys_resource,
  unix (receive) type=dgram,
  unix (receive) type=stream,
  /etc/rsyslog.conf r,
  /etc/rsyslog.d/ r,
  /etc/rsyslog.d/** r,
  /{,var/}run/rsyslogd.pid{,.tmp} rwk,
  /var/spool/rsyslog/ r,
  /var/spool/rsyslog/** rwk,
  /usr/sbin/rsyslogd mr,
  /usr/lib/{,@{multiarch}/}rsyslog/*.so mr,
  /dev/tty* rw,
  /dev/xconsole rw,
  /dev/console rw,
  @{PROC}/kmsg r,
  @{PROC}/sys/kernel/** r,
  /dev/log rwl,
  /{,var/}run/utmp rk,
  /var/log/** rw,
  /run/systemd/notify w,
  include if exists <rsyslog.d>
}
"""
_ESM_HOOK = """\
APT::Update::Pre-Invoke {
  "[ ! -e /run/systemd/system ] || [ $(id -u) -ne 0 ] ||\
 systemctl start --no-block apt-news.service esm-cache.service >/dev/null 2>&1 || true";
};
binary::apt::AptCli::Hooks::Upgrade {
  "[ ! -f /usr/lib/ubuntu-advantage/apt-esm-json-hook ] || [ $(id -u) -ne 0 ] ||\
 /usr/lib/ubuntu-advantage/apt-esm-json-hook 2>> /var/log/ubuntu-advantage-apt-hook.log || true";
};
"""
_ESM_PINS = """\
Package: *
Pin: release o=UbuntuESMApps, n={}-apps-security
Pin-Priority: 510
"""
_ESM_SOURCES = """\
Types: deb
URIs: https://esm.ubuntu.com/apps/ubuntu
Suites: {}-apps-security
Components: main
"""
# It speaks apt's protocol of hooks through a socket, and fails where there is none.
_HOOK = '#!/bin/sh\ntest -n "$APT_HOOK_SOCKET"\n'
