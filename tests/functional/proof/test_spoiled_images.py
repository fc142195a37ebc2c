"""Images that pass for amphorae at first sight: they lack a protocol, change, or are unreachable.

Each lacks one thing that no proof but this one and that of traffic sees.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.support.proof import broken_images, images, verifying

_UNITS = "/etc/systemd/system"
_GRUB_CFG = "/grub/grub.cfg"
_Spoil = Callable[[broken_images.Disk], None]


def _without(path: str) -> _Spoil:
    return lambda disk: disk.remove(path)


def _with(path: str, content: str, *, mode: int = 0o644) -> _Spoil:
    return lambda disk: disk.write(path, content, mode=mode)


def _version(disk: broken_images.Disk) -> str:
    (version,) = re.findall(r"/(6[^/]+)/", disk.run("ls -p /lib/modules"))
    return version


def _no_round_robin(disk: broken_images.Disk) -> None:
    path = f"/lib/modules/{_version(disk)}/modules.dep"
    lines = disk.read(path).splitlines(keepends=True)
    disk.write(path, b"".join(line for line in lines if b"/ip_vs_wrr.ko:" not in line))


def _no_sctp(disk: broken_images.Disk) -> None:
    path = f"/config-{_version(disk)}"
    on = b"CONFIG_IP_VS_PROTO_SCTP=y"
    text = disk.read(path, boot=True)
    assert on in text
    off = b"# CONFIG_IP_VS_PROTO_SCTP is not set"
    disk.write(path, text.replace(on, off), boot=True)


def _no_exporter(disk: broken_images.Disk) -> None:
    program = disk.read("/usr/sbin/haproxy")
    for word in (b"Prometheus", b"prometheus"):
        program = program.replace(word, word[:-1] + b"x")
    disk.write("/usr/sbin/haproxy", program, mode=0o755)


def _no_proxy(disk: broken_images.Disk) -> None:
    disk.remove(f"{_UNITS}/prometheus-proxy.service")
    disk.link(f"{_UNITS}/prometheus-proxy.service", "/dev/null")


def _kernel_without_ipv6(disk: broken_images.Disk) -> None:
    text = disk.read(_GRUB_CFG, boot=True).decode()
    changed = re.sub(r"(?m)^(\s*linux\s.*)$", r"\1 ipv6.disable=1", text)
    assert changed != text
    disk.write(_GRUB_CFG, changed, boot=True)


def _updating_service(disk: broken_images.Disk) -> None:
    disk.write("/opt/update", "#!/bin/sh\napt-get -qy dist-upgrade\n", mode=0o755)
    disk.write(f"{_UNITS}/site-update.service", "[Service]\nExecStart=/opt/update\n")
    disk.link(f"{_UNITS}/multi-user.target.wants/site-update.service", "../site-update.service")


def _ufw(disk: broken_images.Disk) -> None:
    disk.write("/etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")
    disk.write("/etc/ufw/user.rules", "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n")
    disk.write(f"{_UNITS}/ufw.service", "[Service]\nExecStart=/bin/true\n")
    disk.link(f"{_UNITS}/multi-user.target.wants/ufw.service", "../ufw.service")


def _no_networkd(disk: broken_images.Disk) -> None:
    disk.link(f"{_UNITS}/systemd-networkd.service", "/dev/null")


# What is done to a good image, which check fails, and with which words.
_SPOILED: dict[str, tuple[_Spoil, str, str]] = {
    "no health checks of UDP": (
        _without("/etc/alternatives/nc"),
        "listener programs",
        "nc is missing or cannot be executed",
    ),
    "no health checks of SCTP": (
        _without("/usr/bin/amphora-health-checker"),
        "listener programs",
        "amphora-health-checker is missing or cannot be executed",
    ),
    "no masquerading": (
        _without("/usr/bin/octavia-agent-lvs-masquerade"),
        "listener programs",
        "octavia-agent-lvs-masquerade is missing or cannot be executed",
    ),
    "no round robin": (_no_round_robin, "kernel modules", " has no module ip_vs_wrr"),
    "no SCTP": (_no_sctp, "kernel modules", " was built without IP_VS_PROTO_SCTP"),
    "no exporter": (
        _no_exporter,
        "haproxy usable",
        "/usr/sbin/haproxy was built without Prometheus",
    ),
    "no proxy of metrics": (
        _no_proxy,
        "services enabled",
        "prometheus-proxy.service is masked",
    ),
    "no IPv6": (
        _with("/etc/sysctl.d/zz-site.conf", "net.ipv6.conf.all.disable_ipv6 = 1\n"),
        "IPv6",
        "/etc/sysctl.d/zz-site.conf sets net.ipv6.conf.all.disable_ipv6",
    ),
    "kernel without IPv6": (
        _kernel_without_ipv6,
        "IPv6",
        "the kernel gets the parameter ipv6.disable=1",
    ),
    "updating cron job": (
        _with("/etc/cron.daily/update", "#!/bin/sh\napt-get -y upgrade\n", mode=0o755),
        "automatic changes",
        "cron runs apt-get -y upgrade (/etc/cron.daily/update)",
    ),
    "updating first boot": (
        _with("/etc/cloud/cloud.cfg.d/99-site.cfg", "package_upgrade: true\n"),
        "automatic changes",
        "cloud-init changes packages at the first boot: package_upgrade is set",
    ),
    "updating service": (
        _updating_service,
        "automatic changes",
        "the boot starts site-update.service, which runs apt-get -qy dist-upgrade in /opt/update",
    ),
    "firewall of nftables": (
        broken_images.drop_packets,
        "firewall",
        "the boot starts nftables.service, whose rules do not let clients reach port 9443",
    ),
    "firewall of ufw": (
        _ufw,
        "firewall",
        "the boot starts ufw.service, whose rules do not let clients reach port 9443",
    ),
    "network that is not configured": (
        _with("/etc/cloud/cloud.cfg.d/99-site.cfg", "network: {config: disabled}\n"),
        "network configuration",
        "cloud-init writes no network configuration (network: config: disabled)",
    ),
    "network that does not come up": (
        _no_networkd,
        "network configuration",
        "netplan needs one of systemd-networkd.service, NetworkManager.service, which are masked",
    ),
    "network of one machine": (
        _with(
            "/etc/network/interfaces.d/site",
            "auto ens3\niface ens3 inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n",
        ),
        "network configuration",
        "/etc/network/interfaces.d/site is for the network card of one machine (hwaddress",
    ),
}
# One of each check, in images that are spoiled by all of them.
_TOGETHER = (
    "no masquerading",
    "no SCTP",
    "no exporter",
    "kernel without IPv6",
    "updating service",
    "firewall of ufw",
    "network that does not come up",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", _SPOILED)
def test_a_spoiled_image_is_caught_at_rest(name: str) -> None:
    spoil, check, words = _SPOILED[name]
    with broken_images.changed(images.amphora().path, "spoiled", spoil) as image:
        verified = verifying.verify(image)

    assert verified.failed.keys() == {check}
    assert words in verified.failed[check]
    assert f"“{check}”" in verified.error


def test_several_at_once() -> None:
    def spoil(disk: broken_images.Disk) -> None:
        for name in _TOGETHER:
            _SPOILED[name][0](disk)

    wanted = {check: words for _, check, words in map(_SPOILED.__getitem__, _TOGETHER)}
    with broken_images.changed(images.amphora().path, "spoiled", spoil) as image:
        verified = verifying.verify(image)

    assert verified.failed.keys() == wanted.keys()
    assert [check for check, words in wanted.items() if words not in verified.failed[check]] == []
