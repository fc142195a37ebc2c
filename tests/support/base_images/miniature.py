"""A miniature distribution of the Red Hat family: Debian's programs in signed packages of rpm.

It passes for Rocky Linux 10 by its os-release, its repositories and the names of its packages.
docs/explanation/red-hat-in-tests.md says what that does not prove.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import http.server
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator

from retrofit.base_images.scratch import red_hat

from .. import artefacts
from ..building import mirror, rpms
from . import stream_tree

SERIES = "rocky-10"
REPOSITORIES = ("BaseOS", "AppStream")
KEY = "etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-10"
_BASE = f"10/{REPOSITORIES[0]}/x86_64/os"
_FURTHER = f"10/{REPOSITORIES[1]}/x86_64/os"
_TIMEOUT_S = 900.0
# What its packages are made of.
_DEBIAN = (
    "bash ca-certificates cloud-guest-utils cloud-init cpio dbus dnf e2fsprogs grub-efi-amd64-bin"
    " grub-efi-amd64-signed grub-pc-bin grub2-common init initramfs-tools iproute2 kmod"
    " libpam-systemd linux-image-cloud-amd64 mount netbase passwd procps python3 python3-yaml rpm"
    " shim-signed sudo systemd-resolved systemd-sysv tar tzdata udev"
).split()
# What belongs to dpkg, to a machine, or to packages of their own.
_LEFT_OUT = (
    "boot", "dev", "etc/apt", "etc/dnf/dnf.conf", "etc/fstab", "etc/hostname", "etc/machine-id",
    "etc/resolv.conf",
    "lib/modules", "proc", "run", "sys", "tmp", "usr/bin/dpkg", "usr/lib/apt",
    "usr/lib/dpkg", "usr/lib/grub", "usr/lib/modules", "usr/lib/shim", "usr/share/doc",
    "usr/share/man", "var/cache/apt", "var/lib/apt", "var/lib/dpkg", "var/log", "usr/bin/apt",
    "usr/bin/apt-get", "usr/sbin/update-grub", "etc/os-release", "usr/lib/os-release",
)  # fmt: skip
_EMPTY = ("run", "tmp")
# Where a kernel shows something while packages are installed: nobody can change their owners then.
_MOUNTED = ("dev", "proc", "sys")
_OS_RELEASE = b"""\
NAME="Rocky Linux"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="10.0"
PRETTY_NAME="Rocky Linux 10.0 (in miniature)"
"""
_REPOSITORY = """\
[{name}]
name=Rocky Linux $releasever - {title}
mirrorlist=https://mirrors.rocky.invalid/mirrorlist?arch=$basearch&repo={title}-$releasever
#baseurl=http://dl.rocky.invalid/$contentdir/$releasever/{title}/$basearch/os/
gpgcheck=1
enabled=1
gpgkey=file:///%s
"""
# What the script of the same name does in the packages of Fedora's kernels, with kernel-install.
_ENTRY = """\
%posttrans
mkdir -p /boot/loader/entries
cat > /boot/loader/entries/machine-{version}.conf << EOF
title Rocky Linux ({version})
version {version}
linux {boot}/vmlinuz-{version}
initrd {boot}/initrd.img-{version}
options $(cat /etc/kernel/cmdline)
EOF
"""
_MKCONFIG = b"""\
#!/bin/sh
# The form of what Fedora's program writes, for entries in files of their own.
. /etc/default/grub
cat > "$2" << EOF
set timeout=${GRUB_TIMEOUT:-5}
set default="\\${saved_entry}"
search --no-floppy --fs-uuid --set=root $(grub2-probe --target=fs_uuid /boot)
insmod blscfg
blscfg
EOF
"""
_ADVISORIES = """\
<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="errata@rocky.invalid" status="final" type="security" version="2">
    <id>RLSA-2026:0001</id><title>greeting</title><severity>Important</severity>
    <issued date="2026-01-02 00:00:00"/><description>A fault.</description>
    <pkglist><collection short="rocky-10"><name>AppStream</name>
      <package name="greeting" version="2.0" release="1" epoch="1" arch="x86_64">
        <filename>greeting-2.0-1.x86_64.rpm</filename>
      </package>
    </collection></pkglist>
  </update>
</updates>
"""


class Time(enum.Enum):
    """What the mirror has: on the day of the release, and later."""

    RELEASE = "release"
    LATER = "later"


@functools.cache
def mirrored() -> pathlib.Path:
    """Return the directory that a mirror serves, with a directory for each time, and keys."""
    parts = (pathlib.Path(__file__), pathlib.Path(rpms.__file__), repr(red_hat._PACKAGES))
    return artefacts.once(f"miniature-{artefacts.digest(*parts)}", _make)


def keyring() -> pathlib.Path:
    """Return the keys that packages are signed with."""
    return mirrored() / "key.asc"


class Mirror:
    """A mirror that a build reaches.

    Attributes:
        url: Its base URL.
        time: What it shows.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.time = Time.RELEASE


@contextlib.contextmanager
def serving() -> Iterator[Mirror]:
    """Serve the distribution where a build reaches it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(f"/{served.time.value}{path}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=os.fspath(mirrored()))
    with (
        mirror.address(),
        http.server.ThreadingHTTPServer((mirror.ADDRESS, 0), handler) as server,
    ):
        served = Mirror(f"http://{mirror.ADDRESS}:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def _make(directory: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        signer = stream_tree.Signer(pathlib.Path(home, "own"))
        (directory / "key.asc").write_text(signer.armoured())
        release = directory / Time.RELEASE.value
        tree = directory / "tree"
        subprocess.run(["cp", "--archive", "--link", _tree(), tree], check=True)
        _make_base(tree, release / _BASE, signer.armoured().encode())
        shutil.rmtree(tree)
        _make_further(release / _FURTHER)
        rpms.sign((path for path in sorted(release.rglob("*.rpm"))), signer)
        unsigned = rpms.Package("unsigned", files={"usr/share/unsigned": b"here\n"})
        rpms.make(release / _FURTHER, unsigned)
        for path in (_BASE, _FURTHER):
            rpms.index(release / path)
        later = directory / Time.LATER.value
        subprocess.run(["cp", "--archive", "--link", release, later], check=True)
        newer = [
            rpms.make(later / _FURTHER, _greeting("2.0")),
            rpms.make(later / _FURTHER, rpms.Package("plain", "1.1", files=_file("plain"))),
            rpms.make(later / _FURTHER, _basesystem("1.1")),
        ]
        rpms.sign(newer, signer)
        shutil.rmtree(later / _FURTHER / "repodata")
        rpms.index(later / _FURTHER, _ADVISORIES)
        signer.close()


def _tree() -> pathlib.Path:
    """Return the directory of what packages are made of."""
    name = f"miniature-tree-{artefacts.digest(repr(_DEBIAN), _MKCONFIG.decode())}"
    return artefacts.once(name, _make_tree) / "root"


def _make_tree(directory: pathlib.Path) -> None:
    """Install what packages are made of."""
    tree = directory / "root"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"]
        + [f"--include={','.join(_DEBIAN)}", "bookworm", tree],
        check=True,
        timeout=_TIMEOUT_S,
    )
    for name in ("dnf", "yum"):
        (tree / "usr/bin" / name).unlink(missing_ok=True)
    (tree / "usr/bin/dnf").symlink_to("dnf-3")
    (tree / "usr/sbin/grub2-mkconfig").write_bytes(_MKCONFIG)
    (tree / "usr/sbin/grub2-mkconfig").chmod(0o755)
    shutil.copy2(tree / "usr/bin/grub-mkimage", tree / "usr/bin/grub2-mkimage")
    shutil.copy2(tree / "usr/sbin/grub-probe", tree / "usr/sbin/grub2-probe")


def _make_base(tree: pathlib.Path, repository: pathlib.Path, key: bytes) -> None:
    """Make the packages of the base system of a tree."""
    version = next((tree / "lib/modules").iterdir()).name
    entry = _ENTRY.format(version=version, boot="/boot")
    shutil.rmtree(tree / "boot/grub", ignore_errors=True)
    efi = {
        "usr/lib/shim/shimx64.efi.signed": ("BOOT/BOOTX64.EFI", "rocky/shimx64.efi"),
        "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": ("rocky/grubx64.efi",),
    }
    for source, targets in efi.items():
        for target in targets:
            file = tree / "boot/efi/EFI" / target
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / source, file)
    texts = {
        "etc/os-release": _OS_RELEASE,
        KEY: key,
        "usr/lib/rpm/macros.d/macros.dbpath": b"%_dbpath /usr/lib/sysimage/rpm\n",
        "etc/dnf/dnf.conf": b"[main]\ngpgcheck=1\ninstallonly_limit=3\n",
    }
    for title in REPOSITORIES:
        text = _REPOSITORY.format(name=title.lower(), title=title) % KEY
        texts[f"etc/yum.repos.d/rocky-{title.lower()}.repo"] = text.encode()
    started = tree / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    started.symlink_to("/lib/systemd/system/systemd-networkd.service")
    grouped = {
        "filesystem": [*_EMPTY, *_below(tree, "", _LEFT_OUT)],
        "kernel-core": [*_below(tree, "boot", ("boot/efi",)), *_below(tree, "usr/lib/modules")],
        "grub2-pc": _below(tree, "usr/lib/grub/i386-pc"),
        "grub2-efi-x64": _below(tree, "boot/efi/EFI/rocky", ("boot/efi/EFI/rocky/shimx64.efi",)),
        "shim-x64": [*_below(tree, "boot/efi/EFI/BOOT"), "boot/efi/EFI/rocky/shimx64.efi"],
    }
    for name, paths in grouped.items():
        rpms.make(
            repository,
            rpms.Package(
                name,
                version.replace("-", ".") if name == "kernel-core" else "1.0",
                tree=tree,
                paths=paths,
                requires=() if name == "filesystem" else ("filesystem",),
                provides=("/bin/sh",) if name == "filesystem" else (),
                scripts=entry if name == "kernel-core" else "",
            ),
        )
    rpms.make(
        repository,
        rpms.Package(
            "rocky-release",
            "10.0",
            files=texts,
            requires=("basesystem", "filesystem"),
            architecture="noarch",
        ),
    )
    rpms.make(repository, _basesystem("1.0"))
    for name in sorted({*red_hat._PACKAGES, *_OF_ELEMENTS} - grouped.keys()):
        rpms.make(repository, rpms.Package(name, requires=("filesystem",), architecture="noarch"))


# What diskimage-builder's elements install beside.
_OF_ELEMENTS = (
    "ca-certificates gettext lsof passwd policycoreutils-python-utils python3-libselinux"
    " python3-policycoreutils rng-tools selinux-policy selinux-policy-targeted tcpdump traceroute"
    " which python3-pyyaml"
).split()


def _make_further(repository: pathlib.Path) -> None:
    """Make packages that images get in addition."""
    rpms.make(repository, _greeting("1.0"))
    rpms.make(repository, rpms.Package("plain", "1.0", files=_file("plain")))


def _basesystem(version: str) -> rpms.Package:
    """Return a package with directories that nobody can change while they are mounted."""
    return rpms.Package("basesystem", version, directories=_MOUNTED, architecture="noarch")


def _greeting(version: str) -> rpms.Package:
    """Return a package with an epoch and a script."""
    return rpms.Package(
        "greeting",
        version,
        epoch="1",
        files=_file("greeting"),
        scripts="%post\necho hello > /usr/share/greeted\n",
    )


def _file(name: str) -> dict[str, bytes]:
    return {f"usr/share/{name}": f"{name}\n".encode()}


def _below(tree: pathlib.Path, directory: str, without: tuple[str, ...] = ()) -> list[str]:
    """Return all paths below a directory of a tree, with links as they are."""
    found = []
    pending = [directory] if directory else ["."]
    while pending:
        here = pending.pop()
        for entry in sorted(os.scandir(tree / here), key=lambda one: one.name):
            path = os.path.normpath(os.path.join(here, entry.name))
            if path in without or stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) not in (
                stat.S_IFREG,
                stat.S_IFDIR,
                stat.S_IFLNK,
            ):
                continue
            found.append(path)
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
    return found
