"""Checks at rest of what listeners need, and of what keeps clients away."""

from __future__ import annotations

import pathlib
import re

import pytest

from retrofit.model import findings
from retrofit.proof.rest import firewall, init, ipv6, kernel_modules, programs, templates

from . import trees

_PROGRAM = "#!/bin/sh\n"
_GRUB_CFG = "/boot/grub/grub.cfg"
_CODE = "/usr/lib/python3/dist-packages/octavia/interface_file.py"


def _boot(service: str) -> dict[str, str]:
    """Return files that have a boot start a service."""
    return {
        "/usr/lib/systemd/system/default.target": "->multi-user.target",
        "/usr/lib/systemd/system/multi-user.target": "[Unit]\n",
        f"/usr/lib/systemd/system/{service}": "[Service]\nExecStart=/bin/true\n",
        f"/etc/systemd/system/multi-user.target.wants/{service}": (
            f"->/usr/lib/systemd/system/{service}"
        ),
    }


def _menu(arguments: str) -> dict[str, str]:
    return {_GRUB_CFG: f"menuentry 'Linux' {{\n\tlinux /vmlinuz root=LABEL=x {arguments}\n}}\n"}


_DROPPING = "table inet x {\n chain input {\n type filter hook input priority 0; policy drop;\n"


@pytest.mark.parametrize(
    ("files", "service"),
    [
        ({}, ""),
        ({"/etc/nftables.conf": _DROPPING}, ""),
        (_boot("nftables.service") | {"/etc/nftables.conf": _DROPPING}, "nftables.service"),
        (_boot("nftables.service") | {"/etc/nftables.conf": "chain x {\n ip saddr 1 drop\n"}, ""),
        (
            _boot("nftables.service")
            | {"/etc/nftables.conf": f"{_DROPPING} tcp dport {{ 22, 9443 }} accept\n"},
            "",
        ),
        (_boot("nftables.service") | {"/etc/nftables.conf": "flush ruleset\n"}, ""),
        (
            _boot("netfilter-persistent.service")
            | {"/etc/iptables/rules.v4": "*filter\n:INPUT DROP [0:0]\n"},
            "netfilter-persistent.service",
        ),
        (
            _boot("netfilter-persistent.service")
            | {
                "/etc/iptables/rules.v4": "-A INPUT -p tcp --dport 9443 -j ACCEPT\n"
                "-A INPUT -j DROP\n"
            },
            "",
        ),
        (_boot("ufw.service") | {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}, "ufw.service"),
        (_boot("ufw.service") | {"/etc/ufw/ufw.conf": "ENABLED=no\n"}, ""),
        (_boot("firewalld.service"), "firewalld.service"),
        (
            _boot("firewalld.service")
            | {"/etc/firewalld/zones/public.xml": '<port protocol="tcp" port="9443"/>\n'},
            "",
        ),
    ],
)
def test_firewalls(tmp_path: pathlib.Path, files: dict[str, str], service: str) -> None:
    verdict = firewall.firewall(9443).look(trees.image(tmp_path, files))

    assert verdict == (
        findings.failed(
            f"the boot starts {service}, whose rules do not let clients reach port 9443"
        )
        if service
        else findings.passed("none keeps clients from port 9443")
    )


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, ""),
        (_menu("quiet"), ""),
        (_menu("ipv6.disable=1"), "the kernel gets the parameter ipv6.disable=1"),
        (_menu("ipv6.disable_ipv6=1 quiet"), "the kernel gets the parameter ipv6.disable_ipv6=1"),
        (
            {"/etc/sysctl.d/60-cis.conf": "net/ipv6/conf/default/disable_ipv6 = 1\n"},
            "/etc/sysctl.d/60-cis.conf sets net.ipv6.conf.default.disable_ipv6",
        ),
        (
            {
                "/usr/lib/sysctl.d/10-a.conf": "net.ipv6.conf.all.disable_ipv6 = 1\n",
                "/etc/sysctl.d/90-b.conf": "net.ipv6.conf.all.disable_ipv6 = 0\n",
            },
            "",
        ),
    ],
)
def test_ipv6(tmp_path: pathlib.Path, files: dict[str, str], fault: str) -> None:
    verdict = ipv6.ipv6().look(trees.image(tmp_path, files))

    assert verdict == (findings.failed(fault) if fault else findings.passed("not turned off"))


_SYSTEMD = {"/usr/lib/systemd/systemd": _PROGRAM, "/sbin/init": "->/usr/lib/systemd/systemd"}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (_SYSTEMD, ""),
        ({}, "/sbin/init is missing or cannot be executed: the kernel panics"),
        (
            {"/usr/lib/systemd/systemd": "no program", "/sbin/init": "->/usr/lib/systemd/systemd"},
            "/sbin/init is missing or cannot be executed: the kernel panics",
        ),
        (
            {"/sbin/init": "->/bin/busybox", "/bin/busybox": _PROGRAM},
            "/sbin/init is /bin/busybox, not systemd",
        ),
        (
            _SYSTEMD | _menu("init=/bin/bash") | {"/bin/bash": _PROGRAM},
            "/bin/bash is /bin/bash, not systemd",
        ),
        (
            _SYSTEMD | _menu("init=/usr/bin/gone"),
            "/usr/bin/gone is missing or cannot be executed: the kernel panics",
        ),
    ],
)
def test_init(tmp_path: pathlib.Path, files: dict[str, str], fault: str) -> None:
    verdict = init.init().look(trees.image(tmp_path, files))

    assert verdict == (
        findings.failed(fault)
        if fault
        else findings.passed("/sbin/init is /usr/lib/systemd/systemd")
    )


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"/usr/bin/nc": _PROGRAM}, ""),
        ({}, "nc is missing or cannot be executed"),
        ({"/usr/bin/nc": "no program"}, "nc is missing or cannot be executed"),
        (
            {"/usr/bin/nc": _PROGRAM, _CODE: '"/usr/local/bin/lvs-masquerade.sh add {}"\n'},
            "/usr/local/bin/lvs-masquerade.sh is missing or cannot be executed",
        ),
        (
            {
                "/usr/bin/nc": _PROGRAM,
                _CODE: "'octavia-agent-lvs-masquerade add {}'\n",
                "/usr/bin/octavia-agent-lvs-masquerade": _PROGRAM,
            },
            "",
        ),
    ],
)
def test_programs_of_listeners(tmp_path: pathlib.Path, files: dict[str, str], fault: str) -> None:
    named = programs.Named(
        templates.Template("octavia/interface_file.py", "/opt/venv"),
        re.compile(r"[\"']([\w./-]*masquerade[\w./-]*) "),
    )

    check = programs.present("listener programs", "nc", named=(named,))
    verdict = check.look(trees.image(tmp_path, files))

    if fault:
        assert verdict == findings.failed(fault)
    else:
        assert verdict.outcome is findings.Outcome.PASS


def test_a_program_that_only_some_releases_need(tmp_path: pathlib.Path) -> None:
    template = templates.Template("octavia/interface_file.py", "/opt/venv")
    named = programs.Named(template, re.compile("sctp"), program="checker")
    check = programs.present("listener programs", named=(named,))

    old = check.look(trees.image(tmp_path / "old", {_CODE: "udp\n"}))
    new = check.look(trees.image(tmp_path / "new", {_CODE: "sctp\n"}))

    assert old.outcome is findings.Outcome.PASS
    assert new == findings.failed("checker is missing or cannot be executed")


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (None, ""),
        ("CONFIG_IP_VS_PROTO_SCTP=y\n", ""),
        ("CONFIG_A=y\nCONFIG_IP_VS_PROTO_SCTP=m\n", ""),
        (
            "# CONFIG_IP_VS_PROTO_SCTP is not set\n",
            "Linux 6.1 was built without IP_VS_PROTO_SCTP",
        ),
    ],
)
def test_options_of_kernels(tmp_path: pathlib.Path, config: str | None, fault: str) -> None:
    files = {"/lib/modules/6.1/modules.dep": "kernel/ip_vs.ko:\n"}
    if config is not None:
        files["/boot/config-6.1"] = config
    check = kernel_modules.kernel_modules("ip_vs", options=("IP_VS_PROTO_SCTP",))

    verdict = check.look(trees.image(tmp_path, files))

    assert verdict == (findings.failed(fault) if fault else findings.passed("ip_vs"))
