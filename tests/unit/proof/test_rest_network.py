"""Whether a machine of an image gets its network, and its kernel what listeners need."""

from __future__ import annotations

import pathlib

import pytest
from tests.unit.proof import trees

from retrofit.model import findings
from retrofit.proof.rest import kernel_modules, network

_SYSTEM = "/usr/lib/systemd/system"
_NETPLAN = {
    "/usr/lib/systemd/system-generators/netplan": "#!/bin/sh\n",
    f"{_SYSTEM}/systemd-networkd.service": "[Service]\n",
}
_NETWORKD = {
    f"{_SYSTEM}/default.target": "[Unit]\nWants=systemd-networkd.service\n",
    f"{_SYSTEM}/systemd-networkd.service": "[Service]\n",
}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, "the boot starts none of systemd-networkd.service"),
        (
            {**_NETWORKD, "/etc/systemd/system/systemd-networkd.service": "->/dev/null"},
            "the boot starts none of systemd-networkd.service",
        ),
        (
            {**_NETPLAN, "/etc/systemd/system/systemd-networkd.service": "->/dev/null"},
            "netplan needs one of systemd-networkd.service, NetworkManager.service",
        ),
        (
            {**_NETPLAN, "/etc/cloud/cloud.cfg.d/99-installer.cfg": "network: {config: disabled}"},
            "cloud-init writes no network configuration",
        ),
        (
            {**_NETPLAN, "/etc/netplan/01-site.yaml": "network:\n\tversion: 2\n"},
            "/etc/netplan/01-site.yaml is not YAML",
        ),
        (
            {
                **_NETPLAN,
                "/etc/netplan/01-site.yaml": "network:\n  match:\n    macaddress: 52:54\n",
            },
            "/etc/netplan/01-site.yaml is for the network card of one machine (macaddress:)",
        ),
        (
            {**_NETWORKD, "/etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54\n"},
            "/etc/systemd/network/10-a.link is for the network card of one machine (MACAddress=)",
        ),
        (
            {**_NETPLAN, "/etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="52:54"\n'},
            "/etc/udev/rules.d/70-persistent-net.rules is for the network card of one machine",
        ),
    ],
)
def test_a_machine_without_network(
    tmp_path: pathlib.Path, files: dict[str, str], fault: str
) -> None:
    verdict = network.network().look(trees.image(tmp_path, files))

    assert verdict.outcome is findings.Outcome.FAIL
    assert verdict.evidence.startswith(fault)


@pytest.mark.parametrize(
    "files",
    [
        _NETPLAN,
        _NETWORKD,
        {
            **_NETPLAN,
            "/etc/netplan/50.yaml": "# macaddress: 1\nnetwork: {version: 2}\n",
            "/etc/netplan/60.yaml": "",
            "/etc/cloud/cloud.cfg": "network: {config: disabled}\n",
            "/etc/cloud/cloud.cfg.d/99-on.cfg": "network: {renderers: [netplan]}\n",
        },
    ],
)
def test_a_machine_with_network(tmp_path: pathlib.Path, files: dict[str, str]) -> None:
    verdict = network.network().look(trees.image(tmp_path, files))

    assert verdict.outcome is findings.Outcome.PASS


_DEP = "kernel/drivers/md/dm-crypt.ko.zst: kernel/crypto/x.ko.zst\nkernel/ip_vs.ko:\n"


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"6.1/modules.dep": _DEP, "6.1/modules.builtin": "kernel/ip_vs_wrr.ko\n"}, ""),
        ({"6.1/modules.dep": _DEP}, "Linux 6.1 has no module ip_vs_wrr"),
        (
            {
                "6.1/modules.dep": _DEP,
                "6.1/modules.builtin": "kernel/ip_vs_wrr.ko\n",
                "6.8/modules.dep": "",
            },
            "Linux 6.8 has no module dm_crypt, ip_vs, ip_vs_wrr",
        ),
        ({}, "no kernel has modules (/lib/modules)"),
        ({"6.1/updates/dkms/ip_vs.ko": ""}, "no kernel has modules (/lib/modules)"),
    ],
)
def test_modules_of_listeners(tmp_path: pathlib.Path, files: dict[str, str], fault: str) -> None:
    image = trees.image(tmp_path, {f"/lib/modules/{name}": text for name, text in files.items()})

    verdict = kernel_modules.kernel_modules("dm_crypt", "ip_vs", "ip_vs_wrr").look(image)

    assert verdict == (
        findings.failed(fault) if fault else findings.passed("dm_crypt, ip_vs, ip_vs_wrr")
    )
