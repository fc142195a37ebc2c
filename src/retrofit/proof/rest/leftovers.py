"""What a build leaves when it is not cleaned up."""

from __future__ import annotations

from ...host import rootfs
from ...host.sandbox import networks
from ...model import findings
from .. import subject
from . import reading

# What elements and the builder of disk images have for the time of a build.
_OF_BUILDS = (
    "/etc/apt/apt.conf.d/95disable-recommends",
    "/etc/dib-manifests",
    "/etc/dpkg/dpkg.cfg.d/retrofit-build",
    "/etc/resolv.conf.ORIG",
    "/etc/rpm/macros.retrofit-build",
    "/root/.cache",
    "/usr/local/bin/dib-init-system",
    "/usr/local/bin/dib-python",
    "/usr/share/pkg-map",
    "/usr/share/svc-map",
)
_EMPTY = ("/run", "/tmp", "/var/tmp", "/var/crash")
_WITHOUT_FILES = (
    "/var/cache/apt",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/lib/apt/lists",
)
_LOGS = "/var/log"
_POLICY, _REFUSAL = "/usr/sbin/policy-rc.d", "exit 101"
_RESOLVER = "/etc/resolv.conf"
# Names that only a build has for its files and devices.
_WORDS = ("/retrofit-work-", "/dev/retrofit")
_WRITTEN_BY_BUILDS = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/etc/fstab",
    "/etc/default/grub",
)


def leftovers() -> subject.Check:
    """Nothing of the build is left: its files, settings, downloads and logs."""

    def look(image: subject.Subject) -> findings.Verdict:
        left = [
            path
            for path in _OF_BUILDS
            if rootfs.resolve(image.tree, path, follow_last=False).exists()
        ]
        left += [path for at in _EMPTY for path in rootfs.entries(image.tree, at)]
        left += [path for at in (*_WITHOUT_FILES, _LOGS) for path in _with_content(image, at)]
        if _REFUSAL in (reading.text(image.tree, _POLICY) or ""):
            left.append(f"{_POLICY}, by which no service is started")
        if networks.DNS_SERVER in (reading.text(image.tree, _RESOLVER) or "").split():
            left.append(f"{_RESOLVER} of the build")
        left += [
            f"{path}, which names {word}"
            for path in _WRITTEN_BY_BUILDS
            for word in _WORDS
            if word in (reading.text(image.tree, path) or "")
        ]
        if left:
            return findings.failed(f"files of the build: {reading.some(left)}")
        return findings.passed("no files of the build")

    return subject.Check("leftovers", look)


def _with_content(image: subject.Subject, directory: str) -> list[str]:
    """Return the files below a directory that are not empty."""
    return [
        path
        for path, entry in reading.walk(image.tree, directory)
        if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size
    ]
