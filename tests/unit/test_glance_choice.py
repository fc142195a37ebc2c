"""Which base image is chosen among those Glance shows."""

from __future__ import annotations

import datetime
import itertools

import hypothesis
import pytest
from hypothesis import strategies

from retrofit import images, naming
from retrofit.sources import selection

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


def test_products_are_those_of_the_former_charm_in_its_order() -> None:
    assert NOBLE.products == (
        "com.ubuntu.cloud.daily:server:24.04:amd64",
        "com.ubuntu.cloud.daily:minimal:24.04:amd64",
        "com.ubuntu.cloud:server:24.04:amd64",
        "com.ubuntu.cloud:minimal:24.04:amd64",
    )
    assert BOOKWORM.products == ()


@hypothesis.given(
    strategies.permutations(NOBLE.products), strategies.permutations(["1", "2", "2.1"])
)
def test_order_of_the_listing_does_not_matter(products: list[str], versions: list[str]) -> None:
    shown = [
        _image(product_name=product, version_name=version)
        for product in products
        for version in versions
    ]
    chosen = selection.newest_of_product(NOBLE, shown, project_id=OURS)
    assert chosen is not None
    assert chosen.properties == {"product_name": NOBLE.products[0], "version_name": "2.1"}


def test_of_one_version_the_image_made_last_is_taken() -> None:
    old, new = _image_pair()
    assert selection.newest_of_product(NOBLE, [new, old], project_id=OURS) is new


def _image_pair() -> tuple[images.Image, images.Image]:
    product = NOBLE.products[0]
    return (
        _image(product_name=product, version_name="1", made=1),
        _image(product_name=product, version_name="1", made=2),
    )


def test_images_without_a_product_are_passed_over() -> None:
    assert selection.newest_of_product(NOBLE, [_image()], project_id=OURS) is None


def test_images_without_a_version_come_last() -> None:
    bare = _image(product_name=NOBLE.products[0], made=9)
    assert selection.newest_of_product(NOBLE, [bare], project_id=OURS) is bare
    dated = _server("20260101")
    assert selection.newest_of_product(NOBLE, [bare, dated], project_id=OURS) is dated


@pytest.mark.parametrize("visibility", ["private", "shared", "community"])
def test_only_public_images_and_our_own_are_trusted(visibility: str) -> None:
    theirs = _server("20260101", visibility=visibility)
    ours = _server("20250101", visibility=visibility, owner=OURS)
    assert selection.newest_of_product(NOBLE, [theirs], project_id=OURS) is None
    assert selection.newest_of_product(NOBLE, [theirs, ours], project_id=OURS) is ours


def test_debian_is_found_by_what_the_image_says_of_itself() -> None:
    right = _image(os_distro="Debian", os_version="12", architecture="x86_64")
    wrong = [
        _image(os_distro="debian", os_version="13", architecture="x86_64", version_name="9"),
        _image(os_distro="debian", os_version="12", architecture="aarch64", version_name="9"),
        _image(os_distro="ubuntu", os_version="12", architecture="x86_64", version_name="9"),
        _image(version_name="9"),
    ]
    assert selection.newest_of_system(BOOKWORM, [*wrong, right], project_id=OURS) is right
    assert selection.newest_of_system(BOOKWORM, wrong, project_id=OURS) is None
    by_series = _image(
        os_distro="debian", os_version="bookworm", architecture="x86_64", version_name="1"
    )
    assert selection.newest_of_system(BOOKWORM, [right, by_series], project_id=OURS) is by_series


def test_results_of_ours_are_no_base_images() -> None:
    system = {"os_distro": "debian", "os_version": "12", "architecture": "x86_64"}
    tagged = _image(tags=(naming.OWN_TAG,), **system)
    marked = _image(**system, **{naming.FINGERPRINT: "f"})
    assert selection.newest_of_system(BOOKWORM, [tagged, marked], project_id=OURS) is None
