"""What single files of an image at rest are held to."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess

import pytest
from tests.unit.proof import trees

from retrofit import errors, model
from retrofit.building.disk import layout, mount_table, partitions, volume
from retrofit.building.package_managers import dpkg_status
from retrofit.model import findings
from retrofit.proof import subject
from retrofit.proof.rest import (
    disk,
    fstab,
    kernel_settings,
    namespace,
    open_files,
    owners,
    packages,
    reading,
    secrets,
    templates,
)

_UUID = "6f3c2f0e-3b3c-4c1e-9d1c-0b5f3a0c7d11"


def _volume(mount_point: str, *, number: int = 1, device: str = "") -> volume.Volume:
    filesystem = partitions.Filesystem("ext4", _UUID, "cloudimg-rootfs")
    partition = partitions.Partition(
        number=number,
        start=model.MIB,
        size=model.MIB,
        type_code="",
        uuid="39450524-3214-f540-b0c5-fb3256bc4b95",
        filesystem=filesystem,
    )
    return volume.Volume(mount_point, partition, filesystem, device)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("LABEL=cloudimg-rootfs", True),
        (f"UUID={_UUID}", True),
        (f"UUID={_UUID.upper()}", True),
        (f"/dev/disk/by-uuid/{_UUID}", True),
        ("PARTUUID=39450524-3214-f540-b0c5-fb3256bc4b95", True),
        ("/dev/vda1", True),
        ("/dev/sda1", True),
        ("/dev/nvme0n1p1", True),
        ("/dev/vda2", False),
        ("LABEL=other", False),
        ("/dev/mapper/vg-root", False),
    ],
)
def test_a_device_is_the_root_file_system(spec: str, expected: bool) -> None:
    assert mount_table.is_volume(_volume("/"), spec) is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("/dev/system-vg/root", True),
        ("/dev/mapper/system--vg-root", True),
        (f"UUID={_UUID}", True),
        ("/dev/vda1", False),
        ("PARTUUID=39450524-3214-f540-b0c5-fb3256bc4b95", False),
    ],
)
def test_a_device_is_a_logical_volume(spec: str, expected: bool) -> None:
    assert mount_table.is_volume(_volume("/", device="/dev/system-vg/root"), spec) is expected


def test_an_fstab_is_split() -> None:
    text = (
        "# comment\n\nLABEL=cloudimg-rootfs\t/\text4\tdiscard,errors=remount-ro\t0 1\n"
        "LABEL=UEFI /boot/efi/ vfat umask=0077,nofail 0 1\nbroken line\ntmpfs /tmp tmpfs\n"
    )
    entries, damaged = mount_table.parse(text)

    assert [(one.line, one.mount_point, one.waited_for) for one in entries] == [
        (3, "/", True),
        (4, "/boot/efi", False),
        (6, "/tmp", True),
    ]
    assert damaged == [5]


_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_ROOT_OF_AMD64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"


@pytest.mark.parametrize(
    ("words", "type_code", "expected"),
    [
        ("root=LABEL=x ro", _LINUX, True),
        ("root=LABEL=x rw", _LINUX, False),
        ("root=LABEL=x ro quiet rw", _LINUX, False),
        ("root=LABEL=x rw ro", _ROOT_OF_AMD64, True),
        ("root=LABEL=x", _LINUX, True),
        ("root=LABEL=x", _ROOT_OF_AMD64, False),
        (None, _LINUX, False),
    ],
)
def test_a_root_that_no_fstab_mounts(words: str | None, type_code: str, expected: bool) -> None:
    partition = dataclasses.replace(_volume("/").partition, type_code=type_code)
    parameters = None if words is None else words.split()
    assert fstab.stays_read_only(parameters, partition) is expected


_GRUB_CFG = "menuentry 'x' {{\n linux /boot/vmlinuz-1 root=UUID={} {}\n}}\n"


@pytest.mark.parametrize(
    ("table", "words", "fault"),
    [
        (None, "ro", "/etc/fstab is missing, so the root file system stays read-only"),
        ("", "ro", "/etc/fstab does not mount /, so the root file system stays read-only"),
        ("tmpfs /tmp tmpfs\n", "quiet ro", "/etc/fstab does not mount /"),
        (None, "rw", ""),
        (f"UUID={_UUID} / ext4 defaults 0 1\n", "ro", ""),
    ],
)
def test_a_root_file_system_can_be_written(
    tmp_path: pathlib.Path, table: str | None, words: str, fault: str
) -> None:
    files = {"/boot/grub/grub.cfg": _GRUB_CFG.format(_UUID, words)}
    if table is not None:
        files["/etc/fstab"] = table
    verdict = fstab.mounts().look(trees.image(tmp_path, files))
    assert (verdict.outcome is findings.Outcome.FAIL) is bool(fault)
    assert fault in verdict.evidence


def test_accounts_with_passwords() -> None:
    shadow = "root:*:1:0:99999:7:::\na:!:1\nb:!*:1\nc:$y$j9T$abc:1\nd::1\ne:!$y$j9T$abc:1\n"

    assert secrets.with_passwords(shadow) == [
        "c has a password",
        "d can log in without a password",
    ]


_KEY = b"-----BEGIN PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("path", "content", "fault"),
    [
        ("/etc/octavia/agent.pem", _KEY, "contains a private key"),
        ("/opt/tool/key.pem", _KEY, "contains a private key"),
        ("/etc/ssl/private/ssl-cert-snakeoil.key", _KEY, ""),
        ("/opt/agent-venv/lib/python3.12/site-packages/sdk/tests/clouds.yaml", b"a: b", ""),
        ("/opt/amphora-agent-venv/lib/python3.12/site-packages/octavia/tests/certs.py", _KEY, ""),
        ("/etc/wgetrc", b"#https_proxy = http://proxy.yoyodyne.com:18023/", ""),
        (
            "/etc/apt/apt.conf.d/proxy",
            b"http://me:secret@proxy:1",
            "contains a URL with a password",
        ),
        ("/root/.ssh/authorized_keys", b"", ""),
        ("/root/.ssh/authorized_keys", b"ssh-rsa AAAA", "contains secrets, according to its name"),
    ],
)
def test_secrets_in_files(tmp_path: pathlib.Path, path: str, content: bytes, fault: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with os.scandir(tmp_path) as entries:
        assert secrets.fault_of(path, next(entries)) == fault


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("vm.swappiness = 10", ""),
        ("net/ipv4/ip_forward=1", ""),
        ("-net.netfilter.nf_conntrack_max = 1", ""),
        ("-net.ipv4.conf.all.rp_filter", ""),
        ("vm.swappiness", "'vm.swappiness' is not a setting"),
        ("vm.swappiness =", "'vm.swappiness =' has no value"),
        ("= 1", "'= 1' has no key"),
        (
            "net.netfilter.nf_conntrack_max = 1",
            "net.netfilter.nf_conntrack_max exists only with the module nf_conntrack, which"
            " is not loaded before",
        ),
    ],
)
def test_kernel_settings(line: str, fault: str) -> None:
    assert kernel_settings.fault_of(line, frozenset()) == fault


def test_a_key_of_a_module_that_is_loaded_before_exists() -> None:
    line = "net.netfilter.nf_conntrack_max = 1"

    assert kernel_settings.fault_of(line, frozenset({"nf_conntrack"})) == ""


@pytest.mark.parametrize(
    ("rule", "mode", "fault"),
    [
        (owners.Rule("/tmp", mode=0o1777, denied=0), 0o1777, ""),
        (owners.Rule("/tmp", mode=0o1777, denied=0), 0o0777, "has mode 0777, not 1777"),
        (owners.Rule("/etc/shadow", denied=0o137), 0o640, ""),
        (
            owners.Rule("/etc/shadow", denied=0o137),
            0o644,
            "has mode 0644, which must not include 0004",
        ),
        (owners.Rule("/etc", owner=os.getuid() + 1), 0o755, f"belongs to user {os.getuid()}"),
    ],
)
def test_owners_and_modes(
    tmp_path: pathlib.Path, rule: owners.Rule, mode: int, fault: str
) -> None:
    if rule.owner == 0:
        rule = owners.Rule(rule.path, mode=rule.mode, denied=rule.denied, owner=os.getuid())
    directory = tmp_path / "directory"
    directory.mkdir()
    directory.chmod(mode)

    assert owners.fault_of(rule, directory.stat()).startswith(fault)
    assert bool(owners.fault_of(rule, directory.stat())) is bool(fault)


def test_packages_that_are_not_settled() -> None:
    status = "\n".join(
        f"Package: {name}\nStatus: {state}\nVersion: 1\n"
        for name, state in (
            ("good", "install ok installed"),
            ("held", "hold ok installed"),
            ("removed", "deinstall ok config-files"),
            ("half", "install ok half-configured"),
            ("waiting", "install ok triggers-pending"),
            ("again", "install reinstreq installed"),
        )
    )

    assert dpkg_status.unsettled(status) == [
        "half (half-configured)",
        "waiting (triggers-pending)",
        "again (reinstreq)",
    ]


@pytest.fixture
def gpt(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a disk with a GPT."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(8 * model.MIB)
    table = "label: gpt\nstart=1MiB, size=1MiB, type=linux\n"
    subprocess.run(["/sbin/sfdisk", "--quiet", path], input=table, text=True, check=True)
    return path


def _overwrite(path: pathlib.Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def test_a_gpt_that_is_right(gpt: pathlib.Path) -> None:
    assert disk.gpt_fault(gpt, 512) == ""


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        (512, "the primary GPT header is missing (sector 1)"),
        (512 + 56, "the primary GPT header is damaged (sector 1)"),
        (1024, "the primary GPT's entries are damaged (sector 2)"),
        (8 * model.MIB - 512, "the backup GPT header is missing (sector 16383)"),
        (8 * model.MIB - 512 + 56, "the backup GPT header is damaged (sector 16383)"),
        (8 * model.MIB - 33 * 512, "the backup GPT's entries are damaged (sector 16351)"),
    ],
)
def test_a_gpt_that_is_damaged(gpt: pathlib.Path, at: int, fault: str) -> None:
    _overwrite(gpt, at, b"garbage")

    assert disk.gpt_fault(gpt, 512) == fault


def test_a_gpt_whose_disk_became_longer(gpt: pathlib.Path) -> None:
    os.truncate(gpt, 9 * model.MIB)

    assert disk.gpt_fault(gpt, 512) == (
        "the primary GPT header has sector 16383 for the other header, not 18431"
    )


def test_features_that_e2fsck_does_not_know_are_no_fault(tmp_path: pathlib.Path) -> None:
    raw = tmp_path / "disk.raw"
    with raw.open("wb") as file:
        file.truncate(model.MIB + 8 * model.MIB)
    make = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-E"]
    subprocess.run([*make, f"offset={model.MIB}", raw, "8m"], check=True)
    filesystem = partitions.Filesystem("ext4", _UUID, "BOOT")
    boot = partitions.Partition(16, model.MIB, 8 * model.MIB, "", "", filesystem)
    assert disk.ext4_fault(raw, boot) == ""

    # The superblock's compatible features: one that no release has, as orphan_file once was.
    at = model.MIB + 1024 + 0x5C
    with raw.open("r+b") as file:
        file.seek(at + 3)
        file.write(b"\x40")
    assert disk.ext4_fault(raw, boot) == ""

    # The superblock's state: errors were seen.
    with raw.open("r+b") as file:
        file.seek(model.MIB + 1024 + 0x3A)
        file.write(b"\x02\x00")
    assert disk.ext4_fault(raw, boot) == "its state is 'not clean with errors', not clean"


def test_a_fat_file_system() -> None:
    sector = bytearray(512)
    assert disk.fat_fault(sector) == "its first sector is damaged"

    sector[510:] = b"\x55\xaa"
    sector[0x52:0x57] = b"FAT32"
    assert disk.fat_fault(sector) == ""

    sector[0x41] = 1
    assert disk.fat_fault(sector) == "it was not unmounted"


def test_a_pipe_is_no_file(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert reading.text(tmp_path, "/pipe") is None
    assert not reading.is_program(tmp_path, "/pipe")


def test_a_file_without_end_is_refused(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(65 * model.MIB)

    assert reading.head(tmp_path, "/large", 10) == bytes(10)
    with pytest.raises(errors.ImageError, match="/large is larger than 64 MiB"):
        reading.text(tmp_path, "/large")


def test_a_walk_stays_in_the_tree(tmp_path: pathlib.Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host/secret").touch()
    root = tmp_path / "tree"
    (root / "real/deep").mkdir(parents=True)
    (root / "real/left/out").mkdir(parents=True)
    (root / "real/deep/file").touch()
    (root / "real/out").symlink_to("../../host")
    (root / "etc").symlink_to("/real")

    paths = [path for path, _ in reading.walk(root, "/etc", without={"/etc/left"})]

    assert paths == ["/etc/deep", "/etc/out", "/etc/deep/file"]
    assert list(reading.walk(root, "/etc/out")) == []


def _agent_of_no_package(tree: pathlib.Path) -> subject.Subject:
    """An image whose agent Octavia's elements installed from its sources."""
    environment = tree / "opt/amphora-agent-venv"
    program, template = environment / "bin/agent", environment / "lib/python3.12/site-packages/t"
    for file in (program, template, tree / "sbin/ip"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    template.write_text("[Service]\nExecStart=/sbin/ip link\n")
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/agent").symlink_to("/opt/amphora-agent-venv/bin/agent")
    return subject.Subject(
        image=tree,
        raw=tree,
        layout=layout.Layout(
            table=partitions.Table("gpt", 512, ()),
            root=_volume("/"),
            boot=None,
            esp=None,
            release=model.Release("ubuntu", "24.04", "noble", "amd64"),
        ),
        tree=tree,
        packages=(),
        expected=subject.Expected(),
        work=tree,
        evidence=tree,
    )


def test_an_agent_may_have_come_from_no_package(tmp_path: pathlib.Path) -> None:
    image = _agent_of_no_package(tmp_path)
    need = packages.Need(("agent",), at_least="6.0", program="/usr/bin/agent")

    found = packages.required(need).look(image)
    assert found == findings.passed("/usr/bin/agent, without a package")
    found = namespace.namespace(templates.Template("t", "/opt/amphora-agent-venv")).look(image)
    assert found == findings.passed("/sbin/ip")

    (tmp_path / "opt/amphora-agent-venv/bin/agent").unlink()
    found = packages.required(need).look(image)
    assert found == findings.failed("agent is not installed")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, findings.failed("the unit asks for 2600000 open files, the kernel allows 1048576")),
        ({"fs.conf": "fs.nr_open = 2600000\n"}, findings.passed("2600000 of 2600000")),
        # The last file counts, in whichever form.
        (
            {"fs.conf": "fs.nr_open = 2600000\n", "octavia.conf": "-fs/nr_open=2097152\n"},
            findings.failed("asks for 2600000 open files, /etc/sysctl.d/octavia.conf allows 2097"),
        ),
    ],
)
def test_a_unit_gets_the_open_files_that_it_asks_for(
    tmp_path: pathlib.Path, settings: dict[str, str], expected: findings.Verdict
) -> None:
    image = _agent_of_no_package(tmp_path)
    unit = tmp_path / "usr/lib/python3/dist-packages/unit"
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("[Service]\nLimitNOFILE=1024:2600000\n")
    for name, text in settings.items():
        file = tmp_path / "etc/sysctl.d" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    found = open_files.open_files(templates.Template("unit", "/none")).look(image)

    assert found.outcome is expected.outcome
    assert expected.evidence in found.evidence


# Ubuntu's packages of Octavia have an epoch, Debian's have none.
@pytest.mark.parametrize(
    ("version", "at_least", "expected"),
    [
        ("1:8.0.0-0ubuntu2", "6.0", True),
        ("1:5.0.0-0ubuntu1", "6.0", False),
        ("11.0.0-2", "6.0", True),
        ("5.0.0-1", "6.0", False),
        ("1:2.2.8-1", "1:2.0", True),
        ("2.2.8-1", "1:2.0", False),
        ("1:5.0.0-0ubuntu1", "", True),
    ],
)
def test_packages_that_are_too_old(
    tmp_path: pathlib.Path, version: str, at_least: str, expected: bool
) -> None:
    image = dataclasses.replace(
        _agent_of_no_package(tmp_path), packages=(model.Package("agent", version, "all"),)
    )

    found = packages.required(packages.Need(("agent",), at_least=at_least)).look(image)

    assert found == (
        findings.passed(f"agent {version}")
        if expected
        else findings.failed(f"agent is {version}, older than {at_least}")
    )
