"""What is to become of the images of a product: decided from the images alone.

Whatever moment a run was killed at, the next one sees images of which some have what they are to
have, and decides on the rest.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence

from .. import model
from ..cloud import images
from . import catalog, places

COMMUNITY = "community"
# Who sees an image, from all to nobody else.
_REACH = ("public", COMMUNITY, "shared", "private")
# Of images of one system, version and architecture, only one that all see is generic (SCS-0102).
_GENERIC = "generic"
_OLD = "oldgeneric"
_ALIKE = ("architecture", "os_distro", "os_version")
# How many images stay reachable where uuid_validity says nothing.
_USUAL = 3


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is done beside what files say.

    Attributes:
        tag: On all images that are managed; others are never touched.
        latest: Import only the newest version of each product.
        keep: Leave versions alone that are not wanted any more, of products that do not rotate.
        hide: Withdraw what was superseded from those who do not know of it.
        hidden_visibility: Who still sees what is withdrawn; empty for the community, or for no
            change of that with ``use_os_hidden``.
        deactivate: Deactivate what nobody was promised any more.
        delete: Delete what nobody was promised any more.
        use_os_hidden: Hide what was superseded, and older versions that do not rotate.
        retire_expired: Import nothing of products that are not provided any more, and treat
            their images as superseded.
    """

    tag: str
    latest: bool = False
    keep: bool = False
    hide: bool = False
    deactivate: bool = False
    delete: bool = False
    use_os_hidden: bool = False
    hidden_visibility: str = ""
    retire_expired: bool = False


@dataclasses.dataclass(frozen=True)
class Change:
    """What an image is to become.

    Attributes:
        image: The image as it is.
        name: Its name after all changes.
        fields: What it gets: Glance's fields and properties; it loses those that are ``None``.
        active: Whether it is to be reactivated or deactivated; ``None`` leaves that.
    """

    image: images.Image
    name: str
    fields: Mapping[str, object]
    active: bool | None = None


def expired(product: catalog.Product, today: datetime.date) -> bool:
    """Tell whether a product's maker cares for it no longer."""
    return product.provided_until is not None and today > product.provided_until


def fields(
    product: catalog.Product, version: catalog.Version, size: int, tag: str
) -> dict[str, object]:
    """Return what the image of a version has, whatever its name and however old it is.

    Args:
        product: The product.
        version: The version.
        size: Bytes that a disk with the image needs (:func:`size`).
        tag: On all images that are managed.
    """
    return {
        "min_disk": max(product.min_disk, math.ceil(size / model.GIB)),
        "min_ram": product.min_ram,
        "tags": sorted({*product.tags, tag}),
        **dict(version.properties),
    }


def size(image: images.Image) -> int:
    """Return the bytes that a disk with an image needs, as far as Glance knows."""
    return max(image.size, image.virtual_size)


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
    found = places.places(product, own)
    names = _names(product, found)
    becomes = {
        place.image.id: _become(product, place, policy, today, older=place is not found[0])
        for place in found
    }
    leading = next(
        ({**_state(place.image), **becomes[place.image.id]} for place in found if place.current),
        None,
    )
    settled, renamed, last = [], [], []
    for place in found:
        name, become = names[place.image.id], becomes[place.image.id]
        active = _active(product, place, policy, today)
        if place.current:
            settled.append(_change(place.image, name, become, active))
            last.append(_change(place.image, name, {"name": name}, None))
        else:
            become = {**become, **_purpose(place.image, become, leading), "name": name}
            renamed.append(_change(place.image, name, become, active))
    return [change for change in (*settled, *renamed, *last) if change is not None]


def removable(
    product: catalog.Product, own: Sequence[images.Image], policy: Policy, today: datetime.date
) -> list[images.Image]:
    """Return the images of a product that are to be deleted, oldest first.

    They are those that nobody was promised any more, and nobody asks for.
    """
    if product.keep or not policy.delete:
        return []
    found = reversed(places.places(product, own))
    return [place.image for place in found if _expired(product, place, policy, today)]


def _names(product: catalog.Product, found: Iterable[places.Place]) -> dict[str, str]:
    """Return the name of each image; no two have the same."""
    names: dict[str, str] = {}
    for place in found:
        name = product.name if place.current else product.versioned(place.version)
        if name in names.values():
            name = f"{name} {place.image.id}"
        names[place.image.id] = name
    return names


def _become(
    product: catalog.Product,
    place: places.Place,
    policy: Policy,
    today: datetime.date,
    *,
    older: bool,
) -> dict[str, object]:
    """Return what an image has in the end, but for its name."""
    become: dict[str, object] = {}
    if place.wanted is not None:
        become |= fields(product, place.wanted, size(place.image), policy.tag)
        become |= {"visibility": place.wanted.visibility, **dict.fromkeys(place.wanted.removed)}
        if not place.wanted.own_source:
            # It is from where it was imported from, whatever the file says now.
            become |= {
                key: said for key, said in place.image.properties.items() if key == "image_source"
            }
    else:
        become["internal_version"] = place.version
    if _superseded(product, place):
        become |= _withdrawn(product, place, policy, today)
    if policy.use_os_hidden:
        hidden = place.wanted.hidden if place.wanted is not None else None
        is_old = older or _superseded(product, place)
        become["os_hidden"] = is_old if hidden is None else hidden
    return become


def _withdrawn(
    product: catalog.Product, place: places.Place, policy: Policy, today: datetime.date
) -> dict[str, object]:
    """Return who sees an image that was superseded, if that changes."""
    if place.wanted is not None and place.wanted.own_visibility:
        return {}
    if policy.keep and not product.multi:
        return {}
    visibility = place.wanted.visibility if place.wanted else place.image.visibility
    usual = "" if policy.use_os_hidden else COMMUNITY
    if policy.hide:
        wanted = policy.hidden_visibility or usual
    else:
        wanted = COMMUNITY if product.multi and not _promised(place, today) else ""
    # Never to more than before.
    if wanted and _REACH.index(wanted) > _REACH.index(visibility):
        return {"visibility": wanted}
    return {}


def _purpose(
    image: images.Image, become: Mapping[str, object], leading: Mapping[str, object] | None
) -> dict[str, object]:
    """Return that a superseded image is not the generic one any more, where another one is that.

    Args:
        image: The image.
        become: What it is to have in the end.
        leading: What the image has in the end that took its place; ``None`` without rotation.
    """
    was = _state(image)
    end = {**was, **become}
    if leading is None or end.get("os_purpose") != _GENERIC:
        return {}
    seen = leading["visibility"] in _REACH[:2] and not leading["os_hidden"]
    alike = all(leading.get(key) == end.get(key) for key in ("os_purpose", *_ALIKE))
    return {"os_purpose": _OLD} if was.get("os_purpose") == _OLD or (seen and alike) else {}


def _superseded(product: catalog.Product, place: places.Place) -> bool:
    """Tell whether a newer version took an image's place, or nobody asks for it any more."""
    current = place.current if product.multi else place.wanted is not None
    return product.retired or not current


def _promised(place: places.Place, today: datetime.date) -> bool:
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
    product: catalog.Product, place: places.Place, policy: Policy, today: datetime.date
) -> bool:
    """Tell whether an image may be removed."""
    if place.wanted is not None or (policy.keep and not product.multi):
        return False
    if place.current and not product.retired:
        return False
    return not _promised(place, today)


def _active(
    product: catalog.Product, place: places.Place, policy: Policy, today: datetime.date
) -> bool | None:
    """Return whether an image is to be usable; ``None`` if that is as it should be."""
    wanted: bool | None = product.active if place.wanted is not None else None
    if policy.deactivate and _expired(product, place, policy, today):
        wanted = False
    return None if wanted == (place.image.status == "active") else wanted


def _change(
    image: images.Image, name: str, become: Mapping[str, object], active: bool | None
) -> Change | None:
    """Return what differs, if anything does."""
    state = _state(image)
    different = {key: value for key, value in become.items() if state.get(key) != value}
    return Change(image, name, different, active) if different or active is not None else None


def _state(image: images.Image) -> dict[str, object]:
    """Return fields and properties of an image as Glance has them."""
    return {
        **image.properties,
        "name": image.name,
        "visibility": image.visibility,
        "os_hidden": image.hidden,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "tags": sorted(image.tags),
    }


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
