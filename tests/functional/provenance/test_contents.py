"""What is in an amphora image, against its base: nothing is lost, all that is new has a reason."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

import pytest
from debian import debian_support
from tests.support.building import contents
from tests.support.proof import images

from retrofit import model
from retrofit.provenance import package_list

_MAX_SIZE = 450 * model.MIB
# A fifth of what Glance's database takes.
_MAX_LIST = 12 * 1024

# Packages that elements ask for by name; all others are there because one of these needs them.
_WANTED = frozenset(
    # Octavia's elements.
    "acl acpid apt-transport-https at cryptsetup dmeventd gawk haproxy ifenslave ifupdown iptables"
    " iputils-tracepath ipvsadm irqbalance keepalived net-tools octavia-agent open-vm-tools"
    " pollinate rsyslog vlan"
    # What the existing snap adds.
    " dstat htop ifstat sysstat".split()
)

# What sealing takes away, and why it is no loss.
_SEALED_AWAY = (
    "/run/*",  # in memory on a running system
    "/var/lib/apt/lists/lock",  # apt makes it anew
    "/var/cache/apt/archives/lock",  # apt makes it anew
)

# What Octavia's elements and ours put in place themselves.
_FROM_ELEMENTS = (
    "/etc/NetworkManager/conf.d",
    "/etc/NetworkManager/conf.d/*.conf",
    "/etc/cloud/cloud.cfg.d/9?-*.cfg",
    "/etc/apt/apt.conf.d/99no-automatic-changes",
    "/etc/default/grub.d/zz-boot-parameters.cfg",
    "/etc/dhcp/dhclient-enter-hooks.d/*",
    "/etc/modules-load.d/amphora.conf",
    "/etc/network/interfaces",
    "/etc/octavia/certs",
    "/etc/rsyslog.d/55-octavia-socket.conf",
    "/etc/sysctl.d/*.conf",
    "/etc/systemd/system/amphora-agent.service",
    "/etc/systemd/system/certs-ramfs.service.d",
    "/etc/systemd/system/certs-ramfs.service.d/config-drive.conf",
    "/etc/systemd/system/prometheus-proxy.service",
    "/usr/lib/systemd/system/certs-ramfs.service",
    "/usr/local/bin/certfs-ramfs",
    "/usr/local/bin/lvs-masquerade.sh",
    "/usr/local/bin/udp-masquerade.sh",
)

# What maintainer scripts of packages make.
_FROM_SCRIPTS = (
    "/etc/apparmor.d/local/*",
    "/etc/crypttab",
    "/etc/dbconfig-common/config",
    "/etc/default/sysstat",
    "/etc/fonts/conf.d/*.conf",
    "/etc/octavia/octavia.conf",
    "/etc/rc?.d/[KS]??*",
    "/etc/runit/runsvdir/default/*",
    "/etc/xml/docutils-common.xml*",
    "/usr/lib/x86_64-linux-gnu/graphviz/config6a",
    "/usr/local/share/fonts",
    "/var/cache/fontconfig",
    "/var/cache/pollinate",
    "/var/lib/apt/lists/auxfiles",
    "/var/lib/dpkg/alternatives/*",
    "/var/lib/systemd/deb-systemd-helper-enabled/*",
    "/var/lib/ucf/*",
    "/var/lib/xml-core/docutils-common",
    "/var/log/octavia",
    "/var/spool/cron/atjobs/.SEQ",
)

# Registries of the system that packages enter themselves in, and the settings elements change.
_CHANGED = (
    "/etc/alternatives/*awk*",
    "/etc/fstab",  # amphora-boot: a boot that goes on without the partitions of the boot loader
    "/etc/group*",
    "/etc/gshadow*",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",  # no-resolvconf: an amphora asks no name server
    "/etc/passwd*",
    "/etc/resolv.conf",  # no-resolvconf
    "/etc/shadow*",
    "/etc/xml/catalog*",
    "/var/cache/debconf/*.dat*",
    "/var/lib/apt/extended_states",
    # apt gives these to a user of its own when it is first used.
    "/var/cache/apt/archives/partial",
    "/var/lib/apt/lists/partial",
    "/var/lib/dpkg/alternatives/awk",
    "/var/lib/dpkg/status*",
    "/var/lib/dpkg/triggers/File",
    "/var/lib/sgml-base/supercatalog*",
    "/var/lib/ucf/*",
    "/var/lib/xml-core/catalog",
)


# Where links of enabled units and aliases of units lead.
_UNITS = ("/lib/systemd/system/", "/etc/systemd/system/")


@pytest.fixture(scope="module")
def base() -> contents.Contents:
    return contents.read(images.amphora().base)


@pytest.fixture(scope="module")
def result() -> contents.Contents:
    return contents.read(images.amphora().path)


def test_image_is_small() -> None:
    image = images.amphora()

    assert image.path.stat().st_size <= _MAX_SIZE
    assert image.result["size"] == image.path.stat().st_size


def test_no_package_is_lost(base: contents.Contents, result: contents.Contents) -> None:
    older = {
        name: result.packages.get(name, {}).get("Version", "none")
        for name, package in base.packages.items()
        if name not in result.packages
        or debian_support.version_compare(result.packages[name]["Version"], package["Version"]) < 0
    }

    assert older == {}


def test_every_new_package_is_wanted_or_needed(
    base: contents.Contents, result: contents.Contents
) -> None:
    new = result.packages.keys() - base.packages.keys()

    assert {name for name in new if name not in result.automatic} == _WANTED
    assert new - _needed_by(_WANTED, result.packages) == set()


def test_no_file_is_lost(base: contents.Contents, result: contents.Contents) -> None:
    lost = base.entries.keys() - result.entries.keys()

    assert contents.unexplained(lost, _SEALED_AWAY) == []


def test_every_new_file_has_a_reason(base: contents.Contents, result: contents.Contents) -> None:
    new = result.entries.keys() - base.entries.keys() - result.owned
    unexplained = contents.unexplained(new, (*_FROM_ELEMENTS, *_FROM_SCRIPTS))

    assert [path for path in unexplained if not _is_derived(path, result)] == []


def test_no_other_file_has_changed(base: contents.Contents, result: contents.Contents) -> None:
    changed = (
        path
        for path in base.entries.keys() & result.entries.keys()
        if base.entries[path] != result.entries[path]
    )

    assert contents.unexplained(changed, _CHANGED) == []


def test_the_list_of_packages_fits_into_a_property(result: contents.Contents) -> None:
    packages = [
        model.Package(name, fields["Version"], fields["Architecture"], security=True)
        for name, fields in sorted(result.packages.items())
    ]

    assert len(package_list.encode(packages)) < _MAX_LIST


def _is_derived(path: str, image: contents.Contents) -> bool:
    """Tell whether a file follows from another one of the image."""
    entry = image.entries[path]
    directory, name = os.path.split(path)
    stem = name.rpartition(".")[0]
    if directory == "/var/lib/dpkg/info":
        return stem.partition(":")[0] in image.packages
    if name == "__pycache__":
        return directory in image.owned
    if directory.endswith("/__pycache__"):
        return f"{os.path.dirname(directory)}/{name.partition('.')[0]}.py" in image.owned
    if directory.startswith("/etc/systemd/system"):
        is_state = entry.content.startswith(_UNITS) or entry.content == "/dev/null"
        return is_state or name.endswith((".wants", ".requires"))
    return directory == "/etc/alternatives" or entry.content.startswith("/etc/alternatives/")


def _needed_by(roots: Iterable[str], packages: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return installed packages that ``roots`` depend on, directly or not, and ``roots``."""
    providers: dict[str, set[str]] = {}
    for name, fields in packages.items():
        for provided in (name, *_names(fields.get("Provides", ""))):
            providers.setdefault(provided, set()).add(name)
    needed: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        for field in ("Pre-Depends", "Depends"):
            for wanted in _names(packages[name].get(field, "")):
                waiting += providers.get(wanted, ())
    return needed


def _names(relations: str) -> list[str]:
    """Return the package names of a relationship field, without versions and architectures."""
    return [re.split(r"[ :(]", part.strip())[0] for part in re.split(r"[,|]", relations) if part]
