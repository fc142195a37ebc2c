"""Base systems, by the words of Octavia's script and of diskimage-builder."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib

from .. import model
from ..model import releases
from . import wrong

_LOG = logging.getLogger(__name__)

_DISTRIBUTIONS = {
    "ubuntu": "ubuntu",
    "ubuntu-minimal": "ubuntu",
    "debian": "debian",
    "debian-minimal": "debian",
    "fedora": "fedora",
    "centos": "centos",
    "centos-minimal": "centos",
    "rocky": "rocky",
    "rocky-container": "rocky",
    "rhel": "rhel",
}
# The script's; its 28 for Fedora is out of support.
DEFAULTS = {"ubuntu": "noble", "centos": "10-stream", "rocky": "10"}
MIRROR = "DIB_DISTRIBUTION_MIRROR"
_APT_KEYRING, _DNF_KEYRING = KEYRINGS = ("DIB_APT_KEYRING", "DIB_DNF_KEYRING")
# Octavia's script refuses smaller disks.
_LEAST_SIZES_GB = {"fedora": 3}


@dataclasses.dataclass(frozen=True)
class Base:
    """A base system.

    Attributes:
        distribution: Such as ``ubuntu``.
        series: Its series, as :mod:`retrofit.model.releases` names it.
        mirror: Base URL of the archive; empty for the one that this machine knows.
        keyring: File with the keys of the mirror; ``None`` for the distribution's.
    """

    distribution: str
    series: str
    mirror: str
    keyring: pathlib.Path | None

    @property
    def of_red_hat(self) -> bool:
        """Whether it is one of the Red Hat family."""
        return self.distribution in releases.RED_HAT

    def size(self, gigabytes: int) -> int:
        """Return the bytes of a disk.

        Raises:
            wrong.Use: It is smaller than the script allows.
        """
        least = _LEAST_SIZES_GB.get(self.distribution, 0)
        if gigabytes < least:
            raise wrong.Use(
                f"invalid image size {gigabytes}: {self.distribution} needs at least {least} GB"
            )
        return gigabytes * model.GIB


def read(name: str | None, release: str | None) -> Base:
    """Return the base system that the script's words stand for.

    Args:
        name: Element of the base system; ``None`` for the script's default.
        release: Its release; ``None`` for the script's default.

    Raises:
        wrong.Value: One is unknown, or nothing says where its packages are.
    """
    distribution = _DISTRIBUTIONS.get(name or "ubuntu", "")
    if not distribution:
        raise wrong.Value(
            f"unsupported base OS {name!r}", hint=f"known: {', '.join(_DISTRIBUTIONS)}"
        )
    if distribution == "rhel":
        raise wrong.Value(
            "images of rhel cannot be created: its repositories belong to a subscription",
            hint="use its cloud image, with retrofit image",
        )
    of_red_hat = distribution in releases.RED_HAT
    used, unused = (_DNF_KEYRING, _APT_KEYRING) if of_red_hat else (_APT_KEYRING, _DNF_KEYRING)
    if os.environ.get(unused):
        _LOG.warning("the variable %s has no effect for %s", unused, distribution)
    keyring = os.environ.get(used)
    if of_red_hat and not keyring:
        raise wrong.Value(
            f"this machine has no keys of {distribution}", hint=f"set {_DNF_KEYRING}"
        )
    return Base(
        distribution,
        _series(distribution, release),
        _mirror(distribution),
        pathlib.Path(keyring) if keyring else None,
    )


def _series(distribution: str, release: str | None) -> str:
    chosen = release or DEFAULTS.get(distribution, "")
    if not chosen and distribution == "debian":
        chosen = releases.newest_stable()
    if not chosen:
        raise wrong.Value(f"no release of {distribution} is set", hint="set one with -d")
    series = f"{distribution}-{chosen}" if distribution in releases.RED_HAT else chosen
    if not releases.is_known(distribution, series):
        raise wrong.Value(f"{distribution} has no release {chosen!r}")
    return series


def _mirror(distribution: str) -> str:
    """Return the archive that is set; empty for the one that this machine knows."""
    mirror = os.environ.get(MIRROR, "")
    if not mirror and distribution in releases.RED_HAT:
        raise wrong.Value(f"this machine has no mirror of {distribution}", hint=f"set {MIRROR}")
    return mirror
