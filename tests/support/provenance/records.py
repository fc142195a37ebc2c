"""Records of what images were made of, for tests that need no real build."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from retrofit import model
from retrofit.cloud import images
from retrofit.provenance import description
from retrofit.publishing import own_images

MADE = datetime.datetime(2026, 8, 2, 3, 4, 5, tzinfo=datetime.UTC)
BASE = model.BaseImage(
    id="4d1b",
    name="auto-sync/noble",
    content_hash=f"sha512:{'ab' * 64}",
    product_name="com.ubuntu.cloud.daily:server:24.04:amd64",
    version_name="20260801",
)
PACKAGES = (
    model.Package("haproxy", "2.8.5-1ubuntu3.4", "amd64", security=True),
    model.Package("keepalived", "1:2.2.8-1build2", "amd64"),
    model.Package("tzdata", "2026a-0ubuntu0.24.04", "all"),
)


def described(
    packages: tuple[model.Package, ...] = PACKAGES,
    *,
    base: model.BaseImage = BASE,
    elements: tuple[str, ...] = ("amphora-agent", "haproxy-octavia"),
    sources: Mapping[str, str] | None = None,
    **request: Any,
) -> description.Provenance:
    """Return what would be kept of a build; ``request`` goes into its request."""
    built = model.BuildResult(
        image=pathlib.Path("unused"),
        image_format=model.ImageFormat.QCOW2,
        virtual_size=0,
        size=0,
        sha256="",
        sha512="",
        release=model.Release("ubuntu", "24.04", "noble", "amd64"),
        packages=packages,
        elements=elements,
    )
    return description.describe(
        built,
        base=base,
        request=model.BuildRequest("amphora", **request),
        elements_digest="e" * 64,
        releases={"diskimage-builder": "3.42.0", "octavia": "19.0.0"},
        sources=sources or {},
        now=MADE,
    )


def record(packages: tuple[model.Package, ...] = PACKAGES, **options: Any) -> description.Record:
    """Return the record of an image, as it is read back from the properties that were set."""
    said = description.properties(described(packages, **options), packages)
    return description.read(image(dict(said)))


def image(properties: dict[str, str], **changes: Any) -> images.Image:
    """Return an image in Glance with some properties."""
    usual = images.Image(
        id=str(uuid.UUID(int=77)),
        name="amphora-haproxy-x86_64-ubuntu-24.04-20260801",
        status="active",
        owner="e1b0",
        visibility="shared",
        disk_format="qcow2",
        size=1,
        content_hash=f"sha512:{'cd' * 64}",
        tags=frozenset(("octavia-amphora", "octavia-diskimage-retrofit")),
        created_at=MADE,
        updated_at=MADE,
        properties=properties,
    )
    return dataclasses.replace(usual, **changes)


def own(found: Iterable[images.Image], tag: str = "octavia-amphora") -> own_images.OwnImages:
    """Return images, newest first, as those of this project that were made for a tag."""
    return own_images.OwnImages(own_images.Tag(tag), tuple(found))
