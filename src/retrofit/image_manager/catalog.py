"""Images and versions that files ask for, as data."""

from __future__ import annotations

import dataclasses
import datetime
import re

# The version that stands for the newest there is at its URL.
LATEST = "latest"
# The property with the digest of what was imported.
CHECKSUM = "upstream_checksum"


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a product that is wanted.

    Attributes:
        name: Its version, such as ``20260801``, or :data:`LATEST`.
        url: Where its maker has it.
        mirror_url: Where it is fetched in its place; empty for none.
        checksum: Algorithm and digest of what is fetched, such as ``sha256:9b3f…``; or empty.
        checksum_url: Of a file that holds its digest and nothing else; empty for none.
        checksums_url: Of a file with the digests of several files; empty for none.
        build_date: When it was made.
        id: Identifier that it has to have in Glance; empty for any.
        visibility: Who sees it.
        own_visibility: Whether the visibility is that of this version, and not of all.
        hidden: Whether it is hidden; ``None`` leaves that to its age.
        properties: Its properties in Glance, as pairs sorted by name.
        removed: Properties that it is not to have: their value is ``null``.
        own_source: Whether ``image_source`` is said by the file, and not taken from the URL.
    """

    name: str
    url: str
    mirror_url: str
    checksum: str
    checksum_url: str
    checksums_url: str
    build_date: datetime.date | None
    id: str
    visibility: str
    own_visibility: bool
    hidden: bool | None
    properties: tuple[tuple[str, str], ...]
    removed: tuple[str, ...] = ()
    own_source: bool = False

    @property
    def location(self) -> str:
        """Where it is fetched."""
        return self.mirror_url or self.url


@dataclasses.dataclass(frozen=True)
class Product:
    """An image of which there are versions.

    Attributes:
        name: Its name.
        place: File and line, for errors.
        shortname: Its name in paths of mirrors.
        separator: What stands between name and version.
        multi: Whether versions follow one another under one name; else each has its own.
        keep: Whether versions that are not wanted any more are kept all the same.
        disk_format: Such as ``qcow2``.
        min_disk: GiB that a machine of it needs at least.
        min_ram: MiB that a machine of it needs at least.
        active: Whether its images can be used; else they are deactivated.
        tags: Its tags, sorted, without the manager's own.
        versions: Its versions, oldest first.
        latest_url: Where its maker has the newest; empty if unknown.
        latest_checksum_url: Of the file with the digest of that.
        provided_until: The last day that its maker cares for it; ``None`` if nobody knows.
        retired: Whether that is over, and its images are to go: it has no versions then.
        login: The user that its machines have.
        password: The password of that user; empty if it has none.
    """

    name: str
    place: str
    shortname: str
    separator: str
    multi: bool
    keep: bool
    disk_format: str
    min_disk: int
    min_ram: int
    active: bool
    tags: tuple[str, ...]
    versions: tuple[Version, ...]
    latest_url: str
    latest_checksum_url: str
    provided_until: datetime.date | None = None
    retired: bool = False
    login: str = ""
    password: str = ""

    def versioned(self, version: str) -> str:
        """Return the name of a version's image, while it is not the one with the plain name."""
        return f"{self.name}{self.separator}{f'({version})' if self.multi else version}"


def natural(version: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts versions as people do: ``1.10`` after ``1.9``."""
    parts = re.split(r"([0-9]+)", version)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
