"""Pockets of the Ubuntu Cloud Archive."""

from __future__ import annotations

import re

from ... import errors, model
from . import texts

PUBLIC = "http://ubuntu-cloud.archive.canonical.com/ubuntu"
KEYRING = "ubuntu-cloud-keyring"
FILE = "/etc/apt/sources.list.d/cloudarchive.list"

_NAME = re.compile(
    r"(?:(?P<series>[a-z]+)-(?P<kind>updates|proposed)/)?(?P<name>[a-z]+)"
    r"(?:[-/](?P<suffix>updates|proposed))?"
)


def match(pocket: str) -> re.Match[str] | None:
    """Match the spelling of a pocket; the group ``name`` is the OpenStack release."""
    return _NAME.fullmatch(pocket)


def suite(pocket: str, release: model.Release) -> str:
    """Return the suite of an Ubuntu Cloud Archive pocket, such as ``jammy-updates/caracal``.

    Args:
        pocket: An OpenStack release's name; ``/proposed`` or ``-proposed`` may follow, or a series
            with kind and a slash precede.
        release: The system that is to use it.

    Raises:
        errors.ConfigError: The pocket has another shape, or is for another series.
    """
    found = match(pocket)
    if found is None:
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is not valid",
            hint="give a release's name, such as caracal, caracal/proposed or"
            " jammy-updates/caracal",
        )
    if release.distribution != "ubuntu" or found["series"] not in (None, release.series):
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is not for"
            f" {release.distribution} {release.series}",
            hint="remove the pocket, or use a base image that it supports",
        )
    kind = found["suffix"] or found["kind"] or "updates"
    return f"{release.series}-{kind}/{found['name']}"


def source(archives: model.Archives, release: model.Release) -> str:
    """Return apt's line for the Ubuntu Cloud Archive, empty when none is wanted.

    A mirror that is a complete line needs no pocket, as with the existing charm.

    Raises:
        errors.ConfigError: The pocket is not valid or for another series.
    """
    if texts.ONE_LINE.fullmatch(archives.uca_mirror):
        return f"{archives.uca_mirror}\n"
    if not archives.uca_pocket:
        return ""
    url = archives.uca_mirror.rstrip("/") or PUBLIC
    keyring = f"/usr/share/keyrings/{KEYRING}.gpg"
    return f"deb [signed-by={keyring}] {url} {suite(archives.uca_pocket, release)} main\n"
