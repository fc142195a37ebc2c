"""The files of a simplestreams server, as far as they matter here."""

from __future__ import annotations

import email.utils
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import pydantic

from .. import errors

# Best first. The last one's kernel is for KVM only.
_DISKS = ("disk1.img", "uefi1.img", "disk-kvm.img")


def _time(value: object) -> object:
    """Read a time as e-mails have it (RFC 5322)."""
    return email.utils.parsedate_to_datetime(value) if isinstance(value, str) else value


_Time = Annotated[pydantic.AwareDatetime, pydantic.BeforeValidator(_time)]


class _Part(pydantic.BaseModel):
    """A part of a file; made ready when a file is read, as most plans read none."""

    model_config = pydantic.ConfigDict(defer_build=True)


class Entry(_Part):
    """A file that an index names.

    Attributes:
        path: Where it is, below the base URL.
        datatype: What its products are.
        products: Their names.
    """

    path: str
    datatype: str = ""
    products: frozenset[str] = frozenset()


class Index(_Part):
    """``streams/v1/index.sjson``.

    Attributes:
        updated: When it was made.
        index: Files, by the identifier of their content.
    """

    updated: _Time
    index: dict[str, Entry]

    def contents(self, product: str) -> Iterator[str]:
        """Yield the identifiers of the contents that have images of a product."""
        for content_id, entry in self.index.items():
            if entry.datatype == "image-downloads" and product in entry.products:
                yield content_id

    def products(self) -> set[str]:
        """Return the names of all products that have images."""
        entries = self.index.values()
        images = (one.products for one in entries if one.datatype == "image-downloads")
        return set().union(*images)


class Disk(_Part):
    """A disk image.

    Attributes:
        path: Where it is, below the base URL.
        sha256: Its hash, hexadecimal.
        size: Bytes.
    """

    path: str
    sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, pydantic.Field(gt=0)]


class Version(_Part):
    """A version of a product.

    Attributes:
        disk: Its disk image, if it has one of which enough is said.
    """

    disk: Disk | None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _choose_disk(cls, value: Any) -> Any:
        """Choose the best among the files of a version; most are no disk images."""
        items = value.get("items", {}).values()
        by_type = {
            item["ftype"]: item for item in items if Disk.model_fields.keys() <= item.keys()
        }
        return {"disk": next((by_type[name] for name in _DISKS if name in by_type), None)}


class Product(_Part):
    """An image that is made again and again.

    Attributes:
        arch: Debian's name of its architecture.
        version: Such as ``24.04``.
        os: Such as ``ubuntu``.
        versions: What there is of it, by names such as ``20260801``, which sort by age.
    """

    arch: str
    version: str
    os: str = "ubuntu"
    versions: dict[str, Version]

    def newest(self, wanted: str = "") -> str | None:
        """Return the newest version that has a disk image, or just the one that is wanted."""
        names = [name for name, version in self.versions.items() if version.disk is not None]
        return max((name for name in names if name == (wanted or name)), default=None)


class Products(_Part):
    """A file of products.

    Attributes:
        content_id: What it is called in the index.
        updated: When it was made.
        products: The products, by name.
    """

    content_id: str
    updated: _Time
    products: dict[str, Product]


_File = TypeVar("_File", Index, Products)


def parse(content: bytes, kind: type[_File], name: str) -> _File:
    """Read a file.

    Args:
        content: Its content.
        kind: What it has to be.
        name: What to call it in errors.

    Raises:
        errors.ImageError: It is something else.
    """
    try:
        return kind.model_validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise errors.ImageError(
            f"{name} is signed, but is not a valid {kind.__name__.lower()} of simplestreams: "
            f"{where}: "
            f"{first['msg']}",
            hint="use the base URL of a mirror, without streams/v1",
        ) from error
