"""The packages of an image: that what it needs is installed, and nothing is half so."""

from __future__ import annotations

import dataclasses
import re

from debian import debian_support

from ...building.dnf import queries
from ...building.package_managers import dpkg_status
from ...host import rootfs
from ...model import findings, releases
from .. import subject
from . import reading, services

_STATUS = "/var/lib/dpkg/status"
# Where dpkg keeps what it has not yet written to its list.
_UPDATES = "/var/lib/dpkg/updates"


@dataclasses.dataclass(frozen=True)
class Need:
    """A package that an image needs.

    Attributes:
        names: What distributions call it; one of these has to be installed.
        at_least: Oldest version that will do; empty if any will. Without an epoch, that of a
            package does not count: distributions give one to the same software, or none.
        program: Program by which it is known where it came from no package; empty if it has to.
    """

    names: tuple[str, ...]
    at_least: str = ""
    program: str = ""


def required(*needs: Need) -> subject.Check:
    """Packages are installed, none older than it may be."""

    def look(image: subject.Subject) -> findings.Verdict:
        versions = {package.name: package.version for package in image.packages}
        seen = []
        for need in needs:
            name = next((one for one in need.names if one in versions), None)
            if name is None and need.program and services.has_program(image, need.program):
                seen.append(f"{need.program}, without a package")
                continue
            if name is None:
                return findings.failed(f"{' or '.join(need.names)} is not installed")
            version = versions[name]
            if _is_older(version, need.at_least):
                return findings.failed(f"{name} is {version}, older than {need.at_least}")
            seen.append(f"{name} {version}")
        return findings.passed(", ".join(seen))

    return subject.Check("required packages", look)


def _is_older(version: str, than: str) -> bool:
    """Compare a version with the oldest that will do."""
    if than and ":" not in than:
        version = version.partition(":")[2] or version
    # rpm's have characters that Debian's cannot have.
    version = re.sub(r"[^A-Za-z0-9.+:~-]", ".", version)
    return bool(than) and debian_support.version_compare(version, than) < 0


def settled() -> subject.Check:
    """Every package is installed to the end, and nothing was interrupted."""
    return subject.Check("package database", _settled)


def _settled(image: subject.Subject) -> findings.Verdict:
    if image.layout.release.distribution in releases.RED_HAT:
        doubled = queries.doubled(image.packages)
        if doubled:
            return findings.failed(f"installed twice: {reading.some(doubled)}")
        return findings.passed(f"{len(image.packages)} packages, each once")
    unsettled = dpkg_status.unsettled(reading.text(image.tree, _STATUS) or "")
    if unsettled:
        return findings.failed(f"not completely installed: {reading.some(unsettled)}")
    if rootfs.entries(image.tree, _UPDATES):
        return findings.failed(f"dpkg was interrupted ({_UPDATES})")
    return findings.passed(f"{len(image.packages)} packages, all completely installed")
