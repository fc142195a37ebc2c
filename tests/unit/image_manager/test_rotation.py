import dataclasses
import datetime
import itertools
from collections.abc import Sequence
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from retrofit.cloud import images
from retrofit.image_manager import age, catalog, inventory, places, rotation
from retrofit.provenance import marks

_TODAY = datetime.date(2026, 8, 10)
_POLICY = rotation.Policy(tag="managed")


def _version(name: str, **changes: Any) -> catalog.Version:
    usual: dict[str, Any] = {
        "name": name,
        "url": f"https://example.org/{name}",
        "mirror_url": "",
        "checksum": "",
        "checksum_url": "",
        "checksums_url": "",
        "build_date": _TODAY,
        "id": "",
        "visibility": "public",
        "own_visibility": False,
        "hidden": None,
        "properties": (("image_name", "P"), ("internal_version", name)),
    }
    return catalog.Version(**usual | changes)


def _product(*versions: catalog.Version, **changes: Any) -> catalog.Product:
    usual: dict[str, Any] = {
        "name": "P",
        "place": "images.yml:2",
        "shortname": "",
        "separator": " ",
        "multi": True,
        "keep": False,
        "disk_format": "raw",
        "min_disk": 0,
        "min_ram": 0,
        "active": True,
        "tags": (),
        "versions": versions,
        "latest_url": "",
        "latest_checksum_url": "",
    }
    return catalog.Product(**usual | changes)


_numbers = itertools.count(1)


def _image(name: str, version: str = "", **changes: Any) -> images.Image:
    number = next(_numbers)
    made = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(minutes=number)
    properties = {"image_name": "P", "internal_version": version} if version else {}
    usual: dict[str, Any] = {
        "id": f"i{number}",
        "name": name,
        "status": "active",
        "owner": "me",
        "visibility": "public",
        "disk_format": "raw",
        "size": 0,
        "content_hash": "",
        "tags": frozenset({"managed"}),
        "created_at": made,
        "updated_at": made,
        "properties": properties | changes.pop("properties", {}),
    }
    return images.Image(**usual | changes)


def _applied(own: Sequence[images.Image], change: rotation.Change) -> list[images.Image]:
    """Return the images after a change, as Glance would have them."""
    fields = dict(change.fields)
    removed = {key for key, value in fields.items() if value is None}
    fields = {key: value for key, value in fields.items() if value is not None}
    known: dict[str, Any] = {
        key: fields.pop(key)
        for key in ("name", "visibility", "min_disk", "min_ram")
        if key in fields
    }
    if "os_hidden" in fields:
        known["hidden"] = fields.pop("os_hidden")
    if "tags" in fields:
        known["tags"] = frozenset(fields.pop("tags"))  # type: ignore[arg-type]
    if change.active is not None:
        known["status"] = "active" if change.active else "deactivated"
    return [
        dataclasses.replace(
            image,
            **known,
            properties={
                key: value
                for key, value in {**image.properties, **fields}.items()
                if key not in removed
            },
        )
        if image.id == change.image.id
        else image
        for image in own
    ]


def _settled(
    product: catalog.Product, own: Sequence[images.Image], policy: rotation.Policy = _POLICY
) -> dict[str, str]:
    """Return name and visibility by version, when all is done."""
    settled = list(own)
    for change in rotation.changes(product, own, policy, _TODAY):
        settled = _applied(settled, change)
    assert rotation.changes(product, settled, policy, _TODAY) == []
    return {
        places.version_of(product, image): f"{image.name}, {image.visibility}" for image in settled
    }


def test_versions_sort_as_people_sort_them() -> None:
    versions = ["1.10", "1.9", "latest", "1.9-rc2", "1.9-rc10", "20260801"]
    assert sorted(versions, key=catalog.natural) == [
        "1.9",
        "1.9-rc2",
        "1.9-rc10",
        "1.10",
        "20260801",
        "latest",
    ]


def test_images_that_an_older_manager_made_belong_to_their_products() -> None:
    product = _product(_version("2"))
    said = {"image_description": "P", "internal_version": "1"}
    yes = [_image("P"), _image("P (1)"), _image("anything", properties=said), _image("x", "7")]
    no = [
        _image("P 1"),
        _image("P Minimal"),
        _image("P (1)", properties={"image_name": "Q", "image_description": "P"}),
        _image("P", properties={"image_description": "Q"}),
    ]

    assert places.belonging(product, [*yes, *no]) == yes
    assert [places.version_of(product, image) for image in yes] == ["20260101", "1", "1", "7"]
    lasting = _product(_version("1"), multi=False)
    assert [image.name for image in places.belonging(lasting, no)] == ["P 1"]


def test_what_is_missing() -> None:
    product = _product(_version("1"), _version("2"), _version("3"))
    own = [
        _image("P", "2"),
        _image("P (3)", "3", properties={marks.STATE: marks.IMPORTING}),
        _image("P (1)", "1", status="queued"),
    ]

    assert [each.name for each in places.missing(product, own, latest=False)] == ["1", "3"]
    assert [each.name for each in places.missing(product, own, latest=True)] == ["3"]


def test_only_what_is_marked_or_old_is_a_leftover() -> None:
    marked = _image("P (1)", properties={marks.STATE: marks.IMPORTING})
    unmarked = _image("P (2)", status="queued")
    own = [marked, unmarked, _image("P", "3")]
    hour = datetime.timedelta(hours=1)

    assert places.leftovers(own, unmarked.updated_at + hour) == [marked]
    assert places.leftovers(own, unmarked.updated_at + 7 * hour) == [marked, unmarked]


@pytest.mark.parametrize(
    ("validity", "kept"),
    [
        ("last-3", 3),
        ("last-1", 1),
        ("none", 1),
        ("forever", 5),
        ("notice", 5),
        ("2026-08-10", 5),
        ("2026-08-09", 1),
        (None, 3),
    ],
)
def test_promises(validity: str | None, kept: int) -> None:
    promise = {} if validity is None else {"uuid_validity": validity}
    own = [_image("P" if n == 5 else f"P ({n})", str(n), properties=promise) for n in range(1, 6)]
    product = _product(_version("5", properties=tuple(sorted(own[-1].properties.items()))))
    delete = dataclasses.replace(_POLICY, delete=True)

    shown = _settled(product, own)
    removed = [image.name for image in rotation.removable(product, own, delete, _TODAY)]

    assert [name for name in shown.values() if "public" in name] == [
        f"P{'' if n == 5 else f' ({n})'}, public" for n in range(6 - kept, 6)
    ]
    assert removed == [f"P ({n})" for n in range(1, 6 - kept)]
    assert rotation.removable(product, own, _POLICY, _TODAY) == []
    kept_all = dataclasses.replace(product, keep=True)
    assert rotation.removable(kept_all, own, delete, _TODAY) == []


def test_hiding() -> None:
    product = _product(_version("1"), _version("2", visibility="private"), _version("3"))
    own = [_image(f"P ({n})", str(n), visibility="private") for n in (1, 2, 3)]

    hidden = _settled(product, own, dataclasses.replace(_POLICY, hide=True))
    assert hidden == {"1": "P (1), community", "2": "P (2), private", "3": "P, public"}
    policy = dataclasses.replace(_POLICY, use_os_hidden=True)
    changes = rotation.changes(product, own, policy, _TODAY)
    # Not the new one, as was complained of.
    said = [(change.image.name, change.fields["os_hidden"]) for change in changes[1:3]]
    assert sorted(said) == [("P (1)", True), ("P (2)", True)]
    assert all("os_hidden" not in each.fields for each in changes if each.image is own[2])


@pytest.mark.parametrize(
    ("before", "visibility", "options", "after"),
    [
        ("public", "", {}, "community"),
        ("public", "private", {}, "private"),
        ("community", "shared", {}, "shared"),
        ("private", "", {}, "private"),
        ("private", "shared", {}, "private"),
        ("public", "", {"use_os_hidden": True}, "public"),
        ("public", "community", {"use_os_hidden": True}, "community"),
    ],
)
def test_who_sees_what_is_hidden(
    before: str, visibility: str, options: dict[str, bool], after: str
) -> None:
    own = [_image("P (1)", "1", visibility=before), _image("P", "2")]
    policy = dataclasses.replace(_POLICY, hide=True, hidden_visibility=visibility, **options)

    shown = _settled(_product(_version("2")), own, policy)

    assert shown == {"1": f"P (1), {after}", "2": "P, public"}


def test_older_versions_that_do_not_rotate_are_hidden() -> None:
    product = _product(_version("1"), _version("2"), _version("3", hidden=False), multi=False)
    own = [_image(f"P {n}", str(n)) for n in (1, 2)]
    policy = dataclasses.replace(_POLICY, use_os_hidden=True)

    changes = {each.name: each.fields for each in rotation.changes(product, own, policy, _TODAY)}

    # The newest is not there yet.
    assert changes == {"P 1": {"os_hidden": True}}


_GENERIC = {"os_purpose": "generic", "os_distro": "debian", "os_version": "13"}


@pytest.mark.parametrize(
    ("older", "newer", "changes", "purpose"),
    [
        ({}, {}, {}, "oldgeneric"),
        ({}, {}, {"visibility": "community"}, "oldgeneric"),
        ({}, {}, {"visibility": "private"}, "generic"),
        ({}, {}, {"hidden": True}, "generic"),
        ({}, {"os_version": "14"}, {}, "generic"),
        ({}, {"os_purpose": "minimal"}, {}, "generic"),
        ({"os_purpose": "minimal"}, {}, {}, "minimal"),
        # What was replaced once is not generic again.
        ({"os_purpose": "oldgeneric"}, {"os_version": "14"}, {}, "oldgeneric"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_only_one_image_is_generic(
    older: dict[str, str],
    newer: dict[str, str],
    changes: dict[str, Any],
    purpose: str,
    listed: bool,
) -> None:
    said = {name: {**_GENERIC, "image_name": "P", "internal_version": name} for name in "12"}
    versions = [
        _version("1", properties=tuple((said["1"] | older | _back(older)).items())),
        _version("2", properties=tuple((said["2"] | newer).items()), **changes),
    ]
    own = [
        _image("P (1)", "1", properties=_GENERIC | older),
        _image("P (2)", "2", properties=_GENERIC | newer),
    ]
    policy = dataclasses.replace(_POLICY, use_os_hidden=True)
    product = _product(*versions[0 if listed else 1 :])

    settled = own
    for change in rotation.changes(product, own, policy, _TODAY):
        settled = _applied(settled, change)

    assert settled[0].properties["os_purpose"] == purpose
    assert settled[1].properties["os_purpose"] == newer.get("os_purpose", "generic")
    # It is generic again, if it is the newest again.
    back = _product(versions[0])
    for change in rotation.changes(back, settled[:1], policy, _TODAY):
        settled = _applied(settled, change)
    assert settled[0].properties["os_purpose"] == dict(versions[0].properties)["os_purpose"]


def _back(older: dict[str, str]) -> dict[str, str]:
    """Return what a file says of an image that only a run made ``oldgeneric``."""
    return {"os_purpose": "generic"} if older.get("os_purpose") == "oldgeneric" else {}


@pytest.mark.parametrize("multi", [False, True])
def test_retired_products_keep_what_was_promised(multi: bool) -> None:
    promise = {"uuid_validity": "last-2"}
    own = [
        _image(f"P {n}" if not multi else f"P ({n})", str(n), properties=promise) for n in "123"
    ]
    product = dataclasses.replace(_product(multi=multi), retired=True)
    policy = dataclasses.replace(_POLICY, delete=True, hide=True)

    assert rotation.removable(product, own, policy, _TODAY) == own[:1]
    assert all("community" in shown for shown in _settled(product, own, policy).values())


def test_a_product_expires_after_its_last_day() -> None:
    product = _product(provided_until=_TODAY)
    assert not rotation.expired(product, _TODAY)
    assert rotation.expired(product, _TODAY + datetime.timedelta(days=1))
    assert not rotation.expired(_product(), datetime.date.max)


def test_lasting_versions_stay_as_they_are() -> None:
    product = _product(_version("2"), multi=False)
    own = [_image("P 1", "1", properties={"uuid_validity": "none"}), _image("P 2", "2")]
    delete = dataclasses.replace(_POLICY, delete=True)

    assert _settled(product, own) == {"1": "P 1, public", "2": "P 2, public"}
    hide = dataclasses.replace(_POLICY, hide=True)
    assert _settled(product, own, hide)["1"] == "P 1, community"
    assert rotation.removable(product, own, delete, _TODAY) == own[:1]
    keep = dataclasses.replace(delete, keep=True, hide=True, deactivate=True)
    assert rotation.removable(product, own, keep, _TODAY) == []
    assert _settled(product, own, keep)["1"] == "P 1, public"


def test_the_newest_build_counts_for_the_age() -> None:
    old = _TODAY - datetime.timedelta(days=100)
    aged = {"image_build_date": f"{old}"}
    own = [
        _image("P", "1", properties=aged),
        _image("P (0)", "0", properties={"image_build_date": "?"}),
    ]

    (found,) = age.outdated(_product(_version("1", build_date=old), _version("2")), own, 99)
    assert (found.image.name, found.days) == ("P", 100)
    assert age.outdated(_product(_version("2")), own, 100) == []
    lasting = _product(_version("1", build_date=old), _version("2"), multi=False)
    assert age.outdated(lasting, own, 99) == []


def _brief(found: Sequence[images.Image]) -> list[tuple[object, ...]]:
    """Return what a run changes of images."""
    return [
        (image.id, image.name, image.visibility, image.status, image.hidden, image.properties)
        for image in found
    ]


_NAMES = st.sampled_from(["1", "2", "3", "10", "20260801"])
_PROMISES = st.sampled_from(["none", "last-2", "last-3", "forever", "2027-01-01"])


@st.composite
def _owned(draw: st.DrawFn) -> list[images.Image]:
    """Return images of a product in any state, also such as no run leaves them in."""
    found = []
    for version in draw(st.lists(_NAMES, max_size=6)):
        name = draw(st.sampled_from(["P", f"P ({version})", "P (other)"]))
        found.append(
            _image(
                name,
                version,
                properties={
                    "uuid_validity": draw(_PROMISES),
                    "os_purpose": draw(st.sampled_from(["generic", "oldgeneric"])),
                    "hw_rng_model": "virtio",
                },
                status=draw(st.sampled_from(["active", "deactivated", "queued"])),
                visibility=draw(st.sampled_from(["public", "private", "community"])),
                hidden=draw(st.booleans()),
            )
        )
    return found


@hypothesis.given(
    own=_owned(),
    names=st.sets(_NAMES, max_size=3),
    multi=st.booleans(),
    active=st.booleans(),
    flags=st.tuples(*[st.booleans()] * 5),
    hidden_visibility=st.sampled_from(["", "community", "private", "shared"]),
)
def test_from_any_state_and_any_interruption_it_ends_the_same(
    own: list[images.Image],
    names: set[str],
    multi: bool,
    active: bool,
    flags: tuple[bool, bool, bool, bool, bool],
    hidden_visibility: str,
) -> None:
    hide, deactivate, use_os_hidden, keep, retired = flags
    # What is not provided any more has no versions.
    names = set() if retired else names
    policy = rotation.Policy(
        "managed",
        hide=hide,
        deactivate=deactivate,
        use_os_hidden=use_os_hidden,
        keep=keep,
        delete=True,
        hidden_visibility=hidden_visibility,
    )
    versions = [
        _version(
            name,
            properties=(
                ("image_name", "P"),
                ("internal_version", name),
                ("os_purpose", "generic"),
                ("uuid_validity", "last-2"),
            ),
            removed=("hw_rng_model",),
        )
        for name in sorted(names, key=catalog.natural)
    ]
    product = _product(*versions, multi=multi, active=active, retired=retired)
    steps = [own]
    for change in rotation.changes(product, own, policy, _TODAY):
        steps.append(_applied(steps[-1], change))
    end = steps[-1]

    # Whatever it was killed after, the next run ends in the same state.
    for state in steps:
        resumed = state
        for change in rotation.changes(product, state, policy, _TODAY):
            resumed = _applied(resumed, change)
        assert _brief(resumed) == _brief(end)

    whole = [image for image in end if not places.unfinished(image)]
    assert len({image.name for image in whole}) == len(whole)
    removed = rotation.removable(product, end, policy, _TODAY)
    for image in removed:
        assert image.properties["uuid_validity"] != "forever"
        assert image.name != "P" or retired
    held = {places.version_of(product, image) for image in whole if image not in removed}
    assert held >= names & {places.version_of(product, image) for image in whole}
    if multi and whole and not retired:
        (current,) = [image for image in whole if image.name == "P"]
        wanted = [each.name for each in versions if each.name in held]
        assert not wanted or places.version_of(product, current) == wanted[-1]
    # What is not whole is not touched.
    assert [image for image in end if places.unfinished(image)] == [
        image for image in own if places.unfinished(image)
    ]


def test_a_product_is_renamed_in_place_by_the_name_that_its_images_have() -> None:
    version = _version("2", properties=(("image_name", "P"), ("internal_version", "2")))
    product = _product(version, name="New")
    own = [_image("P (1)", "1"), _image("P", "2")]

    assert inventory.Inventory(own).of(product) == own
    assert places.missing(product, own, latest=False) == []
    shown = _settled(product, own)
    assert {name: each.partition(",")[0] for name, each in shown.items()} == {
        "1": "New (1)",
        "2": "New",
    }
