"""What is to become of the images of a product: decided from the images alone.

Whatever moment a run was killed at, the next one sees images of which some have what they are to
have, and decides on the rest. Images are told apart by the property ``internal_version``, not by
their names, which move.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence

from .. import images, model, naming
from . import catalog

COMMUNITY = "community"
# How many images stay reachable where uuid_validity says nothing.
_USUAL = 3
# Another manager's import, which does not say what it is, is not taken for a leftover before.
_LONGEST_IMPORT = datetime.timedelta(hours=6)


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done beside what files say.

    Attributes:
        tag: On all images that are managed; others are never touched.
        latest: Import only the newest version of each product.
        keep: Leave versions alone that are not wanted any more, of products that do not rotate.
        hide: Give what was superseded to the community.
        deactivate: Deactivate what nobody was promised any more.
        delete: Delete what nobody was promised any more.
        use_os_hidden: Hide what was superseded.
    """

    tag: str
    latest: bool = False
    keep: bool = False
    hide: bool = False
    deactivate: bool = False
    delete: bool = False
    use_os_hidden: bool = False


@dataclasses.dataclass(frozen=True)
class Change:
    """What an image is to become.

    Attributes:
        image: The image as it is.
        fields: What it gets: Glance's fields and properties.
        active: Whether it is to be reactivated or deactivated; ``None`` leaves that.
    """

    image: images.Image
    fields: Mapping[str, object]
    active: bool | None = None


@dataclasses.dataclass(frozen=True)
class _Place:
    """An image in its product.

    Attributes:
        image: The image.
        version: Its version as far as it is known.
        wanted: The version that files ask for, if they do.
        rank: 1 for the newest, and so on.
        current: Whether it is the one with the plain name, where versions rotate.
    """

    image: images.Image
    version: str
    wanted: catalog.Version | None
    rank: int
    current: bool


def belonging(product: catalog.Product, found: Iterable[images.Image]) -> list[images.Image]:
    """Return the images of a product, also such as an older manager made, who told less."""
    return [image for image in found if _belongs(product, image)]


def version_of(product: catalog.Product, image: images.Image) -> str:
    """Return the version of an image; the day it was registered where nothing tells."""
    said = image.properties.get("internal_version", "")
    if said and said != catalog.LATEST:
        return said
    named = _in_name(product, image)
    return named if named and not said else f"{image.created_at:%Y%m%d}"


def unfinished(image: images.Image) -> bool:
    """Tell whether an image is not whole yet."""
    is_marked = image.properties.get(naming.STATE) == naming.IMPORTING
    return is_marked or image.status not in ("active", "deactivated")


def leftovers(own: Iterable[images.Image], now: datetime.datetime) -> list[images.Image]:
    """Return what runs left that were killed, or another manager's that nothing arrives for.

    Args:
        own: Images of a product.
        now: The time.
    """
    return [
        image
        for image in own
        if unfinished(image)
        and (
            image.properties.get(naming.STATE) == naming.IMPORTING
            or now - image.updated_at > _LONGEST_IMPORT
        )
    ]


def missing(
    product: catalog.Product, own: Iterable[images.Image], policy: Policy
) -> list[catalog.Version]:
    """Return the versions that are to be imported, oldest first.

    Args:
        product: The product.
        own: Its images.
        policy: What is done beside what files say.
    """
    whole = [image for image in own if not unfinished(image)]
    wanted = product.versions[-1:] if policy.latest else product.versions
    return [version for version in wanted if not _having(product, version, whole)]


def fields(
    product: catalog.Product, version: catalog.Version, size: int, tag: str
) -> dict[str, object]:
    """Return what the image of a version has, whatever its name and however old it is.

    Args:
        product: The product.
        version: The version.
        size: Bytes that the image has.
        tag: On all images that are managed.
    """
    return {
        "min_disk": max(product.min_disk, math.ceil(size / model.GIB)),
        "min_ram": product.min_ram,
        "tags": sorted({*product.tags, tag}),
        **dict(version.properties),
    }


def changes(
    product: catalog.Product, own: Sequence[images.Image], policy: Policy, today: datetime.date
) -> list[Change]:
    """Return what is left to do with the images of a product, in an order that is safe.

    The plain name is never that of two images, and goes to an image only when that has all else.

    Args:
        product: The product.
        own: Its images.
        policy: What is done beside what files say.
        today: The day.
    """
    found = _places(product, own)
    names = _names(product, found)
    settled, renamed, last = [], [], []
    for place in found:
        become = _become(product, place, policy, today)
        name = {"name": names[place.image.id]}
        if place.current:
            settled.append(_change(place.image, become, _active(product, place, policy, today)))
            last.append(_change(place.image, name, None))
        else:
            active = _active(product, place, policy, today)
            renamed.append(_change(place.image, become | name, active))
    return [change for change in (*settled, *renamed, *last) if change is not None]


def removable(
    product: catalog.Product, own: Sequence[images.Image], policy: Policy, today: datetime.date
) -> list[images.Image]:
    """Return the images of a product that are to be deleted, oldest first.

    They are those that nobody was promised any more, and nobody asks for.
    """
    if product.keep or not policy.delete:
        return []
    found = reversed(_places(product, own))
    return [place.image for place in found if _expired(product, place, policy, today)]


def _belongs(product: catalog.Product, image: images.Image) -> bool:
    for key in ("image_name", "image_description"):
        if key in image.properties:
            return image.properties[key] in (product.name, _said(product, key))
    if product.multi:
        return image.name == product.name or _in_name(product, image) is not None
    return image.name in {product.versioned(version.name) for version in product.versions}


def _in_name(product: catalog.Product, image: images.Image) -> str | None:
    """Return the version that stands in an image's name, if one does."""
    before, _, after = product.versioned("\0").partition("\0")
    inside = image.name.startswith(before) and image.name.endswith(after)
    return image.name[len(before) : len(image.name) - len(after)] if inside else None


def _said(product: catalog.Product, key: str) -> str | None:
    """Return what a product's newest version says of itself."""
    return dict(product.versions[-1].properties).get(key) if product.versions else None


def _having(
    product: catalog.Product, version: catalog.Version, whole: Iterable[images.Image]
) -> list[images.Image]:
    """Return the images that have a version, newest first."""
    sums = dict(version.properties).get("upstream_checksum")
    return [
        image
        for image in whole
        if (
            image.properties.get("upstream_checksum") == sums
            if sums
            else version_of(product, image) == version.name
        )
    ]


def _places(product: catalog.Product, own: Iterable[images.Image]) -> list[_Place]:
    """Return where each whole image stands, newest first."""
    whole = [image for image in own if not unfinished(image)]
    wanted: dict[str, catalog.Version] = {}
    for version in product.versions:
        for image in _having(product, version, whole)[:1]:
            wanted[image.id] = version

    def age(image: images.Image) -> tuple[object, ...]:
        # One that was asked for stands before another one of the same version.
        order = catalog.natural(version_of(product, image))
        return order, image.id in wanted, image.created_at

    whole.sort(key=age, reverse=True)
    newest = product.versions[-1] if product.versions else None
    asked = [image for image in whole if newest and wanted.get(image.id) == newest]
    named = [image for image in whole if image.name == product.name]
    listed = [image for image in whole if image.id in wanted]
    current = next(iter((*asked, *listed, *named, *whole)), None) if product.multi else None
    # Where versions do not rotate, all that are asked for are first.
    first = [current] if current else listed
    others = [image for image in whole if image not in first]
    ranks = [1] * len(first) + [2 + number for number in range(len(others))]
    return [
        _Place(
            image=image,
            version=version_of(product, image),
            wanted=wanted.get(image.id),
            rank=rank,
            current=image is current,
        )
        for rank, image in zip(ranks, (*first, *others), strict=True)
    ]


def _names(product: catalog.Product, found: Iterable[_Place]) -> dict[str, str]:
    """Return the name of each image; no two have the same."""
    names: dict[str, str] = {}
    for place in found:
        name = product.name if place.current else product.versioned(place.version)
        if name in names.values():
            name = f"{name} {place.image.id}"
        names[place.image.id] = name
    return names


def _become(
    product: catalog.Product, place: _Place, policy: Policy, today: datetime.date
) -> dict[str, object]:
    """Return what an image has in the end, but for its name."""
    become: dict[str, object] = {}
    if place.wanted is not None:
        become |= fields(product, place.wanted, place.image.size, policy.tag)
        become["visibility"] = place.wanted.visibility
    else:
        become["internal_version"] = place.version
    if _superseded(product, place):
        become |= _withdrawn(product, place, policy, today)
    if policy.use_os_hidden:
        hidden = place.wanted.hidden if place.wanted is not None else None
        become["os_hidden"] = _superseded(product, place) if hidden is None else hidden
    return become


def _withdrawn(
    product: catalog.Product, place: _Place, policy: Policy, today: datetime.date
) -> dict[str, object]:
    """Return who sees an image that was superseded, if that changes."""
    if place.wanted is not None and place.wanted.own_visibility:
        return {}
    if policy.keep and not product.multi:
        return {}
    visibility = place.wanted.visibility if place.wanted else place.image.visibility
    outdated = product.multi and not _promised(place, today)
    if (policy.hide or outdated) and visibility == "public":
        return {"visibility": COMMUNITY}
    return {}


def _superseded(product: catalog.Product, place: _Place) -> bool:
    """Tell whether a newer version took an image's place, or nobody asks for it any more."""
    return not place.current if product.multi else place.wanted is None


def _promised(place: _Place, today: datetime.date) -> bool:
    """Tell whether an image has to stay reachable by its identifier (SCS-0102, uuid_validity)."""
    # Of a version that files ask for, what they say counts, even before the image says it.
    said = place.image.properties if place.wanted is None else dict(place.wanted.properties)
    validity = said.get("uuid_validity", f"last-{_USUAL}")
    if validity in ("forever", "notice"):
        return True
    if validity.startswith("last-") and validity.removeprefix("last-").isdecimal():
        return place.rank <= int(validity.removeprefix("last-"))
    try:
        return today <= datetime.date.fromisoformat(validity)
    except ValueError:
        # ``none``: as long as it is the current one.
        return False


def _expired(
    product: catalog.Product, place: _Place, policy: Policy, today: datetime.date
) -> bool:
    """Tell whether an image may be removed."""
    if place.wanted is not None or place.current or (policy.keep and not product.multi):
        return False
    return not _promised(place, today)


def _active(
    product: catalog.Product, place: _Place, policy: Policy, today: datetime.date
) -> bool | None:
    """Return whether an image is to be usable; ``None`` if that is as it should be."""
    wanted: bool | None = product.active if place.wanted is not None else None
    if policy.deactivate and _expired(product, place, policy, today):
        wanted = False
    return None if wanted == (place.image.status == "active") else wanted


def _change(
    image: images.Image, become: Mapping[str, object], active: bool | None
) -> Change | None:
    """Return what differs, if anything does."""
    different = {key: value for key, value in become.items() if _has(image, key) != value}
    return Change(image, different, active) if different or active is not None else None


def _has(image: images.Image, key: str) -> object:
    """Return a field or property of an image as Glance has it."""
    known: dict[str, object] = {
        "name": image.name,
        "visibility": image.visibility,
        "os_hidden": image.hidden,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "tags": sorted(image.tags),
    }
    return known.get(key, image.properties.get(key))


def simulated(
    product: catalog.Product, version: catalog.Version, policy: Policy, now: datetime.datetime
) -> images.Image:
    """Return the image that an import would make, for what would be done about it."""
    made = fields(product, version, 0, policy.tag)
    return images.Image(
        id=f"({version.name})",
        name=product.versioned(version.name),
        status="active",
        owner="",
        visibility="private",
        disk_format=product.disk_format,
        size=0,
        content_hash="",
        tags=frozenset((*product.tags, policy.tag)),
        created_at=now,
        updated_at=now,
        properties=dict(version.properties),
        min_disk=int(str(made["min_disk"])),
        min_ram=product.min_ram,
    )
