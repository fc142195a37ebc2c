"""What a proof at rest says of a good image, of one for each fault, and of what is no amphora."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images
from tests.support.proof import broken_images, images, verifying

from retrofit.host import progress
from retrofit.host.sandbox import workshop

_HALF = "install ok half-configured"
_NO_AGENT = "amphora-agent or octavia-agent or openstack-octavia-amphora-agent is not installed"
_CHECKS = [
    "image",
    "partition table",
    "file systems",
    "size",
    "free space",
    "mount table",
    "boot loader",
    "kernel and initrd",
    "boot parameters",
    "init",
    "architecture",
    "required packages",
    "package database",
    "removed packages",
    "haproxy usable",
    "keepalived usable",
    "services enabled",
    "services off by default",
    "automatic changes",
    "agent configuration",
    "network namespace",
    "listener programs",
    "open files",
    "cloud-init data sources",
    "network configuration",
    "firewall",
    "IPv6",
    "kernel modules",
    "kernel settings",
    "owners and modes",
    "machine id",
    "host keys",
    "first boot",
    "secrets",
    "leftovers",
]

# Of each fault that can be seen at rest: the checks that fail, with words of what they say.
_SEEN = {
    "kernel without initrd": {"kernel and initrd": " starts with /boot/initrd.img-"},
    "agent unit disabled": {"services enabled": "amphora-agent.service is not enabled"},
    "wrong certificate path": {
        "agent configuration": "/etc/octavia/local.conf, which amphora-agent.service reads after"
        " /etc/octavia/amphora-agent.conf, sets agent_server_cert to /etc/octavia/certs/agent.pem"
    },
    "haproxy missing": {"haproxy usable": "/usr/sbin/haproxy is missing"},
    "full root filesystem": {"free space": "inodes are free on the root file system: less than"},
    "wrong architecture": {
        "architecture": "/sbin/init is for arm64, not amd64",
        "haproxy usable": "/usr/sbin/haproxy is for arm64, not amd64",
    },
    "broken fstab": {
        "mount table": "/etc/fstab, line 4: a boot waits for"
        " UUID=6f3c2f0e-3b3c-4c1e-9d1c-0b5f3a0c7d11 at /var/log, which is not in the image"
    },
    "missing netns helper": {"network namespace": "amphora-interface, which the namespace needs"},
    "stale machine-id": {"machine id": "all machines would have the ID '0123456789abcdef"},
    "kernel panic": {"init": "/sbin/init is /usr/bin/true, not systemd"},
    "host keys inside": {"host keys": "/etc/ssh/ssh_host_ed25519_key"},
}
# No two of an image are for the same check, or change the same file; a full disk comes last.
_TOGETHER = (
    (
        "kernel without initrd",
        "agent unit disabled",
        "haproxy missing",
        "broken fstab",
        "kernel panic",
        "stale machine-id",
    ),
    (
        "wrong certificate path",
        "wrong architecture",
        "missing netns helper",
        "host keys inside",
        "full root filesystem",
    ),
)
# Nothing at rest tells that they do not boot.
_UNSEEN = ("failed unit", "silent agent", "sysctl that breaks boot")


def _digest(image: pathlib.Path) -> str:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _good() -> pathlib.Path:
    return images.amphora().path


def test_every_check_of_a_good_image_passes() -> None:
    before = _digest(_good())

    verified = verifying.verify(_good(), "--architecture", "x86_64")

    assert _digest(_good()) == before
    assert verified.code == 0
    assert verified.outcomes == dict.fromkeys(_CHECKS, "pass")


@pytest.mark.parametrize("faults", _TOGETHER, ids=" and ".join)
def test_faults_are_seen_by_the_checks_meant_for_them(faults: tuple[str, ...]) -> None:
    with broken_images.broken(_good(), *faults) as image:
        verified = verifying.verify(image)

    wanted = {check: words for fault in faults for check, words in _SEEN[fault].items()}
    assert verified.code == verifying.FAILED
    assert list(verified.outcomes) == _CHECKS
    assert verified.failed.keys() == wanted.keys()
    assert [name for name, words in wanted.items() if words not in verified.failed[name]] == []
    first = next(name for name in _CHECKS if name in wanted)
    assert f"“{first}”" in verified.error
    assert wanted[first] in verified.error


def test_no_fault_is_left_out() -> None:
    assert {*_SEEN, *_UNSEEN} == broken_images.FAULTS.keys()
    assert sorted(itertools.chain(*_TOGETHER)) == sorted(_SEEN)


# Of the checks that none of the faults is for: what they say of the image below.
_SAID = {
    "file systems": "partition 1 (ext4): its state is 'not clean', not clean",
    "boot loader": "the first sector has no boot code; /boot/efi/EFI/BOOT/BOOTX64.EFI is for",
    "package database": "not completely installed: keepalived (half-configured)",
    "required packages": "keepalived is not installed",
    "keepalived usable": "/usr/sbin/keepalived ends with status 1: no such library",
    "boot parameters": "/boot/grub/grub.cfg does not give the kernel isolcpus=1-N",
    "services off by default": "the boot starts haproxy.service (because of multi-user.target)",
    "automatic changes": "the boot starts apt-daily.timer, which changes packages",
    "cloud-init data sources": "cloud-init waits for Ec2 before it tries ConfigDrive",
    "network configuration": "/etc/udev/rules.d/70-net.rules is for the network card",
    "firewall": "the boot starts nftables.service, whose rules do not let clients reach port 9443",
    "IPv6": "/etc/sysctl.d/zz-site.conf sets net.ipv6.conf.all.disable_ipv6",
    "removed packages": "rsyslog is installed, which an element removed",
    "listener programs": "nc is missing or cannot be executed",
    "kernel modules": " has no module ip_vs_sh",
    "open files": "open files, /etc/sysctl.d/zz-site.conf allows 1024 (fs.nr_open)",
    "kernel settings": "/etc/sysctl.d/zz-site.conf, line 2: 'vm.swappiness' is not a setting",
    "owners and modes": "/etc/cron.d/site has mode 0666: everyone can change it",
    "first boot": "files of an earlier boot: /var/lib/systemd/random-seed",
    "secrets": "/root/.ssh/authorized_keys contains secrets, according to its name,"
    " /srv/key contains a private key",
    "leftovers": "files of the build: /tmp/build.log, /usr/sbin/policy-rc.d",
}


_SETTINGS = (
    "vm.overcommit_memory = 1\nvm.swappiness\nfs.nr_open = 1024\n"
    "net.ipv6.conf.all.disable_ipv6 = 1\n"
)


def _neglect(disk: broken_images.Disk) -> None:
    """Do to an image what each of these checks is for."""
    with disk.path.open("r+b") as image:
        image.write(bytes(440))
    status = disk.read("/var/lib/dpkg/status").decode()
    name, installed = "Package: keepalived\nStatus: ", "install ok installed"
    disk.write("/var/lib/dpkg/status", status.replace(name + installed, name + _HALF))
    program = "#!/bin/sh\necho no such library\nexit 1\n"
    disk.write("/usr/sbin/keepalived", program, mode=0o755)
    disk.link(
        "/etc/systemd/system/multi-user.target.wants/haproxy.service",
        "/lib/systemd/system/haproxy.service",
    )
    broken_images.drop_packets(disk)
    listed = "/usr/share/octavia-diskimage-retrofit/removed-packages"
    with contextlib.suppress(AssertionError):
        disk.run("mkdir /usr/share/octavia-diskimage-retrofit")
    disk.write(listed, "a-package-that-is-gone\nrsyslog\n")
    disk.remove("/etc/alternatives/nc")
    disk.write("/etc/default/grub.d/zz-boot-parameters.cfg", "GRUB_CMDLINE_LINUX=isolcpus=1-N\n")
    disk.remove("/etc/systemd/system/apt-daily.timer")
    disk.write("/etc/cloud/cloud.cfg.d/99-site.cfg", "datasource_list: [Ec2, ConfigDrive]\n")
    disk.write("/etc/sysctl.d/zz-site.conf", _SETTINGS)
    disk.write("/etc/udev/rules.d/70-net.rules", 'ATTR{address}=="52:54:00:12:34:56"\n')
    (version,) = re.findall(r"/(6[^/]+)/", disk.run("ls -p /lib/modules"))
    modules = disk.read(f"/lib/modules/{version}/modules.dep")
    without = [line for line in modules.splitlines(keepends=True) if b"/ip_vs_sh.ko:" not in line]
    disk.write(f"/lib/modules/{version}/modules.dep", b"".join(without))
    disk.write("/etc/cron.d/site", "", mode=0o666)
    disk.write("/var/lib/systemd/random-seed", "seed")
    disk.write("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA\n", mode=0o600)
    disk.write("/srv/key", "-----BEGIN RSA PRIVATE KEY-----\n", mode=0o600)
    disk.write("/tmp/build.log", "built")
    disk.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
    disk.run("ssv state 0")
    loader = disk.path.with_suffix(".efi")
    loader.write_bytes(b"no program")
    mcopy = ["mcopy", "-o", "-i", f"{disk.path}@@{disk.esp}", loader, "::/EFI/BOOT/BOOTX64.EFI"]
    subprocess.run(mcopy, check=True, env=os.environ | {"MTOOLS_SKIP_CHECK": "1"})
    loader.unlink()


def test_every_other_check_can_fail() -> None:
    with broken_images.changed(_good(), "neglected", _neglect) as image:
        verified = verifying.verify(image)

    assert list(verified.outcomes) == _CHECKS
    assert verified.failed.keys() == _SAID.keys()
    assert [name for name, words in _SAID.items() if words not in verified.failed[name]] == []


def test_an_image_for_other_machines_is_refused() -> None:
    verified = verifying.verify(_good(), "--architecture", "aarch64", "--flavor-disk", "4G")

    assert verified.code == verifying.FAILED
    assert verified.failed == {
        "architecture": "the packages are for amd64, not arm64",
        "size": "a disk of 5.00 GiB for a flavor's 4.00 GiB: no machine can start from it",
    }


def test_an_image_that_is_no_amphora() -> None:
    verified = verifying.verify(base_images.noble())

    assert verified.code == verifying.FAILED
    assert f"“required packages”: {_NO_AGENT}" in verified.error
    assert {"required packages", "services enabled", "haproxy usable"} <= verified.failed.keys()
    assert verified.outcomes["kernel and initrd"] == "pass"


@pytest.mark.slow
def test_an_image_that_only_a_kernel_can_read() -> None:
    with _tiny("xfs") as image:
        verified = verifying.verify(image)

    assert verified.code == verifying.FAILED
    assert list(verified.outcomes) == _CHECKS
    assert verified.outcomes["free space"] == "not applicable"
    assert "1 xfs" in verified.evidence["file systems"]
    assert verified.failed["required packages"] == _NO_AGENT


@contextlib.contextmanager
def _tiny(root_filesystem: str) -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as work:

        def make(_: progress.Reporter) -> None:
            tiny_images.make(
                work / "tiny.raw", work, layout_name="noble", root_filesystem=root_filesystem
            )

        workshop.run(work, make, base_images.Silent())
        yield work / "tiny.raw"


def test_a_file_that_is_no_image(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "notes.txt"
    image.write_text("no image\n" * 1000)

    verified = verifying.verify(image)

    assert verified.code == verifying.FAILED
    assert verified.failed == {"image": "the image has no partition table"}


def test_a_truncated_image(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "half.qcow2"
    content = _good().read_bytes()
    image.write_bytes(content[: len(content) // 2])

    verified = verifying.verify(image)

    assert verified.code == verifying.FAILED
    assert verified.failed.keys() == {"image"}
    # Whether a cut leaves more than a cluster after the last whole one is the image's chance.
    assert verified.evidence["image"].startswith("the image is truncated")
