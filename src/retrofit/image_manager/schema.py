"""The published form of image files: every key, and the values that it may have.

Field names and values are those of OpenStack Image Manager's ``etc/schema.yaml``, which follows
the SCS standard for image metadata (SCS-0102).
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

import pydantic
import pydantic_core

Format = Literal["aki", "ari", "ami", "raw", "iso", "vhd", "vdi", "qcow2", "vmdk"]
Visibility = Literal["public", "private", "community", "shared"]
Status = Literal["active", "deactivated"]


def _shaped(pattern: str, meaning: str) -> pydantic.AfterValidator:
    """Return a check that a text has a shape, which says in words what the shape is."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise pydantic_core.PydanticCustomError("shape", f"it must be {meaning}")
        return value

    return pydantic.AfterValidator(check)


def _one_of(meaning: str, *words: str, prefix: str = "") -> pydantic.BeforeValidator:
    """Return a check for a date or one of some words, which says in words what is allowed."""

    def check(value: Any) -> Any:
        is_date = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
        begins = bool(prefix) and isinstance(value, str) and value.startswith(prefix)
        if is_date or value in words or (begins and value.removeprefix(prefix).isdecimal()):
            return value
        raise pydantic_core.PydanticCustomError("one_of", f"it must be {meaning}")

    return pydantic.BeforeValidator(check)


_WebUrl = Annotated[str, _shaped(r"https?://\w+.*", "a URL that begins with http:// or https://")]
_AnyUrl = Annotated[
    str, _shaped(r"(http|ftp)s?://\w+.*", "a URL that begins with http://, https:// or ftp://")
]
Url = Annotated[
    str,
    _shaped(
        r"(http|ftp)s?://\w+.*|file:(/|///)?[\w.].*",
        "a URL that begins with http://, https://, ftp:// or file:",
    ),
]
Source = Annotated[
    str,
    _shaped(
        r"(http|ftp)s?://\w+.*|private", "a URL that begins with http:// or https://, or private"
    ),
]
Checksum = Annotated[
    str,
    _shaped(
        r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}",
        "md5:, sha1:, sha256: or sha512: and its 32, 40, 64 or 128 lower-case hexadecimal digits",
    ),
]
Id = Annotated[
    str,
    _shaped(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a UUID in lower-case letters",
    ),
]
_Natural = Annotated[int, pydantic.Field(ge=0)]
_Architecture = Literal["x86_64", "aarch64", "risc-v"]
_DiskBus = Literal["virtio", "scsi"]
_Hypervisor = Literal["hyperv", "ironic", "lxc", "qemu", "uml", "vmware", "xen"]
_Purpose = Literal["generic", "minimal", "k8snode", "gpu", "network", "custom"]
_Frequency = Literal["yearly", "quarterly", "monthly", "weekly", "daily", "critical_bug", "never"]
# Glance's documented values, and two more that the manager's own files need.
_Distribution = Literal[
    "arch",
    "centos",
    "cirros",
    "debian",
    "fedora",
    "freebsd",
    "gentoo",
    "mandrake",
    "mandriva",
    "mes",
    "msdos",
    "netbsd",
    "netware",
    "openbsd",
    "opensolaris",
    "opensuse",
    "rhel",
    "rocky",
    "sled",
    "talos",
    "ubuntu",
    "windows",
]
_ProvidedUntil = Annotated[Any, _one_of("none or a date", "none")]
_UuidValidity = Annotated[
    Any,
    _one_of(
        "none, forever, notice, last- and a number, or a date",
        *("none", "forever", "notice"),
        prefix="last-",
    ),
]


class _Part(pydantic.BaseModel):
    # YAML tells texts from numbers and dates itself: a version such as 1.10 must be in quotes.
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Meta(_Part):
    """Properties that a version has in place of its image's."""

    architecture: _Architecture | None = None
    hotfix_hours: _Natural | None = None
    hw_disk_bus: _DiskBus | None = None
    hw_firmware_type: Literal["uefi"] | None = None
    hw_machine_type: Literal["pc", "q35", "virt"] | None = None
    hw_rng_model: Literal["virtio"] | None = None
    hw_scsi_model: Literal["virtio-scsi"] | None = None
    hw_vif_multiqueue_enabled: bool | None = None
    hw_watchdog_action: Literal["disabled", "reset", "poweroff", "pause", "none"] | None = None
    hypervisor_type: _Hypervisor | None = None
    image_description: str | None = None
    os_distro: _Distribution | None = None
    os_version: str | None = None
    os_purpose: _Purpose | None = None
    patchlevel: str | None = None
    provided_until: _ProvidedUntil | None = None
    replace_frequency: _Frequency | None = None
    uuid_validity: _UuidValidity | None = None


class ImageMeta(Meta):
    """Properties of an image, of which the standard asks for some."""

    architecture: _Architecture
    hw_disk_bus: _DiskBus | None
    hypervisor_type: _Hypervisor
    os_distro: _Distribution
    os_purpose: _Purpose
    provided_until: _ProvidedUntil
    replace_frequency: _Frequency
    uuid_validity: _UuidValidity


class Version(_Part):
    """A version of an image."""

    version: str
    url: Url
    build_date: datetime.date | datetime.datetime
    checksum: Checksum | None = None
    checksum_url: _WebUrl | None = None
    checksums_url: _WebUrl | None = None
    hidden: bool | None = None
    id: Id | None = None
    image_description: str | None = None
    meta: Meta | None = None
    mirror_url: Url | None = None
    os_version: str | None = None
    source: Source | None = None
    visibility: Visibility | None = None


class Image(_Part):
    """An image with its versions."""

    name: str
    enable: bool
    format: Format
    login: str
    meta: ImageMeta
    min_disk: _Natural
    min_ram: _Natural
    multi: bool
    status: Status
    tags: list[str]
    versions: list[Version]
    visibility: Visibility
    keep: bool | None = None
    latest_checksum_url: _WebUrl | None = None
    latest_url: _AnyUrl | None = None
    password: str | None = None
    separator: str | None = None
    shortname: str | None = None


class File(_Part):
    """A file of images."""

    images: Annotated[list[Image], pydantic.Field(min_length=1)]
