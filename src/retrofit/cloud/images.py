"""Images in Glance, as data."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

# Keys of Glance's own schema; all other keys of an image are properties.
_SCHEMA = frozenset(
    (
        "checksum",
        "container_format",
        "created_at",
        "direct_url",
        "disk_format",
        "file",
        "id",
        "locations",
        "min_disk",
        "min_ram",
        "name",
        "os_hash_algo",
        "os_hash_value",
        "os_hidden",
        "owner",
        "protected",
        "schema",
        "self",
        "size",
        "status",
        "stores",
        "tags",
        "updated_at",
        "virtual_size",
        "visibility",
    )
)


@dataclasses.dataclass(frozen=True)
class Image:
    """An image in Glance.

    Attributes:
        id: Its identifier.
        name: Its name, not unique.
        status: ``active`` when it can be used; ``queued``, ``saving``, ``deactivated``, …
        owner: Identifier of the project it belongs to.
        visibility: ``public``, ``shared``, ``private`` or ``community``.
        disk_format: Such as ``qcow2``.
        size: Bytes; 0 before any arrived.
        content_hash: Algorithm and hexadecimal digest, such as ``sha512:9b3f…``; empty if unknown.
        tags: Its tags.
        created_at: When it was registered.
        updated_at: When it was changed last.
        properties: What else was set on it.
        hidden: Whether it is left out of lists, unless they are asked for hidden images.
        protected: Whether it cannot be deleted.
        min_disk: GiB that a machine of it needs at least.
        min_ram: MiB that a machine of it needs at least.
        virtual_size: Bytes of the disk that it is; 0 if that is not known.
    """

    id: str
    name: str
    status: str
    owner: str
    visibility: str
    disk_format: str
    size: int
    content_hash: str
    tags: frozenset[str]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    properties: Mapping[str, str]
    hidden: bool = False
    protected: bool = False
    min_disk: int = 0
    min_ram: int = 0
    virtual_size: int = 0


def parse(shown: Mapping[str, Any]) -> Image:
    """Read Glance's JSON, which leaves out or sets to null what is not known yet."""
    digest = ""
    if shown.get("os_hash_algo") and shown.get("os_hash_value"):
        digest = f"{shown['os_hash_algo']}:{shown['os_hash_value']}"
    elif shown.get("checksum"):
        digest = f"md5:{shown['checksum']}"
    return Image(
        id=shown["id"],
        name=shown.get("name") or "",
        status=shown["status"],
        owner=shown.get("owner") or "",
        visibility=shown.get("visibility") or "",
        disk_format=shown.get("disk_format") or "",
        size=shown.get("size") or 0,
        content_hash=digest,
        tags=frozenset(shown.get("tags", ())),
        created_at=_time(shown["created_at"]),
        updated_at=_time(shown["updated_at"]),
        properties={
            key: value
            for key, value in shown.items()
            if key not in _SCHEMA and isinstance(value, str)
        },
        hidden=bool(shown.get("os_hidden")),
        protected=bool(shown.get("protected")),
        min_disk=shown.get("min_disk") or 0,
        min_ram=shown.get("min_ram") or 0,
        virtual_size=shown.get("virtual_size") or 0,
    )


def patch(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the JSON patch that gives an image fields, and takes away those that are ``None``."""
    changes: list[dict[str, object]] = []
    for key, value in fields.items():
        # RFC 6901 has characters of its own in paths.
        path = f"/{key.replace('~', '~0').replace('/', '~1')}"
        if value is None:
            changes.append({"op": "remove", "path": path})
        else:
            changes.append({"op": "add", "path": path, "value": value})
    return changes


def _time(text: str) -> datetime.datetime:
    """Read a time of Glance's, such as ``2026-04-30T12:00:00Z``."""
    # fromisoformat knows no Z before Python 3.11.
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
