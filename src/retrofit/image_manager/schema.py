"""The published form of image files: every key, and the values that it may have.

Field names and values are those of OpenStack Image Manager's ``etc/schema.yaml``, which follows
the SCS standard for image metadata (SCS-0102). Lists that grow with each of its releases are open:
what is not in them is worth a warning.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator
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
# Algorithms of checksums, the best first, and how many digits each has.
DIGITS = {"sha512": 128, "sha256": 64, "sha1": 40, "md5": 32}
Checksum = Annotated[
    str,
    _shaped(
        "|".join(f"(?i:{name}):[0-9a-f]{{{digits}}}" for name, digits in DIGITS.items()),
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
_Frequency = Literal["yearly", "quarterly", "monthly", "weekly", "daily", "critical_bug", "never"]
_Scalar = str | int | float | bool | datetime.date | datetime.datetime | None
_PURPOSES = tuple("generic oldgeneric minimal k8snode gpu network custom".split())
# The names of libosinfo and of Glance's documentation, and talos, which neither has.
_DISTRIBUTIONS = tuple(
    """
    almalinux alpinelinux alt altlinux android-x86 anolis arch archlinux asianux caasp
    centos circle cirros clearlinux debian dragonflybsd elementaryos eos eurolinux fedora
    freebsd freedos freenix gentoo gnome guix-system haiku hyperbola mageia mandrake
    mandriva manjaro mbs mes miraclelinux msdos netbsd netware nixos oel ol omnios openbsd
    openindiana opensolaris opensuse osx popos pureos rhel rhl rocky scientificlinux
    slackware sle sled slem sles smartos solaris solus talos trisquel ubuntu ucs voidlinux
    win windows winnt
    """.split()
)
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
    """Properties that a version has in place of its image's; others can be there, too."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Scalar]

    architecture: _Architecture | None = None
    hotfix_hours: _Natural | None = None
    hw_cdrom_bus: Literal["ide", "sata", "scsi", "usb"] | None = None
    hw_disk_bus: _DiskBus | None = None
    hw_firmware_type: Literal["uefi"] | None = None
    hw_machine_type: Literal["pc", "q35", "virt"] | None = None
    hw_qemu_guest_agent: bool | Literal["yes", "no"] | None = None
    hw_rng_model: Literal["virtio"] | None = None
    hw_scsi_model: Literal["virtio-scsi"] | None = None
    hw_vif_multiqueue_enabled: bool | None = None
    hw_watchdog_action: Literal["disabled", "reset", "poweroff", "pause", "none"] | None = None
    hypervisor_type: _Hypervisor | None = None
    image_description: str | None = None
    image_name: str | None = None
    os_admin_user: str | None = None
    os_distro: str | None = None
    os_purpose: str | None = None
    os_type: Literal["linux", "windows"] | None = None
    os_version: str | None = None
    patchlevel: str | None = None
    provided_until: _ProvidedUntil | None = None
    replace_frequency: _Frequency | None = None
    uuid_validity: _UuidValidity | None = None

    def unknown(self) -> Iterator[tuple[str, str]]:
        """Yield keys, each with what is not known of it or of its value."""
        for key in self.model_extra or ():
            yield key, f"unknown key {key} of meta{_meant(key, tuple(Meta.model_fields))}"
        for key, known in (("os_distro", _DISTRIBUTIONS), ("os_purpose", _PURPOSES)):
            value = getattr(self, key)
            if value is not None and value not in known:
                yield key, f"unknown value {value[:80]!r} of {key}{_meant(value, known)}"


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


class ImageMeta(Meta):
    """Properties of an image, of which the standard asks for some."""

    architecture: _Architecture
    hw_disk_bus: _DiskBus | None
    hypervisor_type: _Hypervisor
    os_distro: str
    os_purpose: str
    provided_until: _ProvidedUntil
    replace_frequency: _Frequency
    uuid_validity: _UuidValidity


class Version(_Part):
    """A version of an image."""

    version: str
    url: Url
    build_date: datetime.date | datetime.datetime | None = None
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
    min_ram: _Natural
    multi: bool
    status: Status
    tags: list[str]
    versions: list[Version]
    visibility: Visibility
    keep: bool | None = None
    latest_checksum_url: _WebUrl | None = None
    latest_url: _AnyUrl | None = None
    min_disk: _Natural | None = None
    password: str | None = None
    separator: str | None = None
    shortname: str | None = None

    def unknown(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield where something stands that is not known, and what."""
        metas = [(("meta",), self.meta), *self._of_versions()]
        for place, meta in metas:
            for key, problem in meta.unknown():
                yield (*place, key), problem

    def _of_versions(self) -> Iterator[tuple[tuple[str | int, ...], Meta]]:
        for number, version in enumerate(self.versions):
            if version.meta is not None:
                yield ("versions", number, "meta"), version.meta


class File(_Part):
    """A file of images, each of which is looked at by itself."""

    images: Annotated[list[Any], pydantic.Field(min_length=1)]
