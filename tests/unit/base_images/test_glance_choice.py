"""Which base image is chosen among those Glance shows."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import strategies

from retrofit import errors
from retrofit.base_images import glance, selection
from retrofit.cloud import images
from retrofit.provenance import marks

OURS = "project"
NOBLE = selection.Candidate("ubuntu", "24.04", "noble", "x86_64")
BOOKWORM = selection.Candidate("debian", "12", "bookworm", "x86_64")
_numbers = itertools.count()


def _image(
    *,
    status: str = "active",
    visibility: str = "public",
    owner: str = "somebody",
    tags: tuple[str, ...] = (),
    made: int = 0,
    **properties: str,
) -> images.Image:
    time = datetime.datetime.fromtimestamp(made, datetime.UTC)
    return images.Image(
        id=f"image-{next(_numbers)}",
        name="",
        status=status,
        owner=owner,
        visibility=visibility,
        disk_format="qcow2",
        size=1,
        content_hash="",
        tags=frozenset(tags),
        created_at=time,
        updated_at=time,
        properties=properties,
    )


def _server(version: str, **more: str) -> images.Image:
    return _image(
        product_name="com.ubuntu.cloud.daily:server:24.04:amd64", version_name=version, **more
    )


def test_products_are_those_of_the_existing_charm_in_its_order() -> None:
    assert NOBLE.products == (
        "com.ubuntu.cloud.daily:server:24.04:amd64",
        "com.ubuntu.cloud.daily:minimal:24.04:amd64",
        "com.ubuntu.cloud:server:24.04:amd64",
        "com.ubuntu.cloud:minimal:24.04:amd64",
    )
    assert BOOKWORM.products == ()


@hypothesis.given(strategies.permutations(["1", "2", "2.1"]))
def test_order_of_the_listing_does_not_matter(versions: list[str]) -> None:
    chosen = _newest(*(_server(version) for version in versions))
    assert chosen is not None
    assert chosen.properties["version_name"] == "2.1"


def test_of_one_version_the_image_made_last_is_taken() -> None:
    old, new = _server("1", made=1), _server("1", made=2)
    assert _newest(new, old) is new


def test_images_without_a_version_come_last() -> None:
    bare = _image(made=9)
    assert _newest(bare) is bare
    dated = _server("20260101")
    assert _newest(bare, dated) is dated


@pytest.mark.parametrize("visibility", ["private", "shared", "community"])
def test_only_public_images_our_own_and_those_of_named_projects_are_trusted(
    visibility: str,
) -> None:
    newer = _server("20260102", visibility=visibility, owner="foe")
    theirs = _server("20260101", visibility=visibility, owner="friend")
    ours = _server("20250101", visibility=visibility, owner=OURS)
    older = _server("20240101", visibility=visibility, owner="foe")
    shown = [older, ours, theirs, newer]

    by_us = selection.newest(shown, projects={OURS})
    by_both = selection.newest(shown, projects={OURS, "friend"})

    assert by_us.image is ours
    assert [image.owner for image in by_us.untrusted] == ["foe", "friend"]
    assert by_both.image is theirs
    assert by_both.untrusted == (
        selection.UntrustedImage(newer.id, newer.name, "foe", visibility),
    )
    assert selection.newest([newer, older], projects={OURS}).image is None


def test_results_of_ours_are_no_base_images() -> None:
    system = {"os_distro": "debian", "os_version": "12", "architecture": "x86_64"}
    tagged = _image(tags=(marks.OWN_TAG,), **system)
    marked = _image(**system, **{marks.FINGERPRINT: "f"})
    assert selection.newest([tagged, marked], projects={OURS}) == selection.Choice(None, ())


class _Crowded:
    """A Glance with more images than anybody could list, none of which fits."""

    project_id = OURS

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.listed = 0

    def images(self, filters: list[tuple[str, str]]) -> Iterator[images.Image]:
        self.queries.append(dict(filters))
        while "product_name" not in self.queries[-1]:
            self.listed += 1
            yield _image(product_name="com.ubuntu.cloud:server:14.04:amd64")
            yield _image(os_distro="ubuntu", os_version="14.10", architecture="x86_64")
            yield _image(os_distro="ubuntu", os_version="16.04", **{marks.FINGERPRINT: "f"})


def test_what_is_asked_of_glance_does_not_grow_with_it() -> None:
    crowded = _Crowded()
    wanted = glance.Wanted(series="noble", architecture="x86_64")

    with pytest.raises(errors.InputMissing) as caught:
        glance.find(crowded, wanted)
    there = "com.ubuntu.cloud:server:14.04:amd64, ubuntu 14.10 x86_64"
    assert str(caught.value).endswith(f"available products: {there}")

    assert [query.get("product_name") for query in crowded.queries] == [*NOBLE.products, None]
    assert crowded.listed <= 200


def _newest(*shown: images.Image) -> images.Image | None:
    return selection.newest(shown, projects={OURS}).image
