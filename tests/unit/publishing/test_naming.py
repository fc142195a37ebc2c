"""Names, properties and tags of published images: the contract with consumers."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib

import hypothesis
import pytest
from hypothesis import strategies
from tests.support.publishing import publishing

from retrofit import errors, model, recipes
from retrofit.model import architectures, findings
from retrofit.provenance import marks
from retrofit.publishing import naming

BUILT = model.BuildResult(
    image=pathlib.Path("output.qcow2"),
    image_format=model.ImageFormat.QCOW2,
    virtual_size=0,
    size=0,
    sha256="",
    sha512="",
    release=model.Release("debian", "12", "bookworm", "amd64"),
    packages=(),
)
KIND = recipes.get("amphora").glance
STREAM = model.BaseImage(
    id="4d1b",
    content_hash="sha512:abcd",
    product_name="com.ubuntu.cloud.daily:server:24.04:amd64",
    version_name="20260801",
    os_distro="ubuntu",
    os_version="24.04",
    architecture="x86_64",
)


def _describe(
    base: model.BaseImage | None,
    tag: str = "octavia-amphora",
    *,
    built: model.BuildResult = BUILT,
    keep: int = 3,
    appearance: naming.Appearance | None = None,
) -> naming.Description:
    return naming.describe(
        built,
        base,
        recipe="amphora",
        kind=KIND,
        fingerprint="f" * 64,
        tag=tag,
        keep=keep,
        built_on=datetime.date(2026, 11, 29),
        appearance=appearance or naming.Appearance(),
    )


def test_takes_the_words_of_the_source() -> None:
    described = _describe(STREAM)

    assert described.name == "amphora-haproxy-x86_64-ubuntu-24.04-20260801"
    properties = dict(described.properties)
    assert properties["architecture"] == "x86_64"
    assert properties["source_product_name"] == "com.ubuntu.cloud.daily:server:24.04:amd64"
    assert properties["source_version_name"] == "20260801"
    assert properties[marks.FINGERPRINT] == "f" * 64
    assert described.tags == ("octavia-amphora", "octavia-diskimage-retrofit")
    assert properties[marks.AMP_IMAGE_TAG] == described.amp_image_tag == "octavia-amphora"


@pytest.mark.parametrize("base", [None, model.BaseImage(id="4d1b", name="mine")])
def test_takes_from_the_content_what_the_source_leaves_out(base: model.BaseImage | None) -> None:
    described = _describe(base)

    assert described.name == "amphora-haproxy-x86_64-debian-12-custom"
    properties = dict(described.properties)
    assert properties["source_product_name"] == "custom"
    assert properties["source_version_name"] == "custom"
    assert all(properties.values())


def test_without_a_tag_of_the_operators_only_our_own_remains() -> None:
    assert naming.tags("") == ("octavia-diskimage-retrofit",)
    assert naming.tags(marks.OWN_TAG) == ("octavia-diskimage-retrofit",)


@pytest.mark.parametrize("tag", ["", marks.OWN_TAG])
def test_only_a_tag_that_moves_is_kept_in_mind(tag: str) -> None:
    described = _describe(STREAM, tag)

    assert described.amp_image_tag == ""
    assert marks.AMP_IMAGE_TAG not in dict(described.properties)


def test_consumers_match_neither_an_unproven_nor_a_failed_image() -> None:
    name = _describe(STREAM).name

    assert naming.unproven(name, "4d1b9c00-77aa") == f"unproven-{name}-4d1b9c00"
    assert naming.failed(name, datetime.datetime(2026, 11, 21, 9, 8, 7, tzinfo=datetime.UTC)) == (
        "failed-amphora-haproxy-x86_64-ubuntu-24.04-20260801-20261121T090807Z"
    )


def test_a_proof_is_told_in_words_that_glance_takes() -> None:
    assert naming.proof(None) == ((marks.PROOF_DEPTH, "off"),)
    assert dict(naming.proof(publishing.PASSING)) == {
        marks.PROOF_DEPTH: "boot",
        marks.PROOF_RESULT: "passed",
        marks.PROOF_TIME: publishing.PASSING.ended.isoformat(timespec="seconds"),
        marks.PROOF_SUMMARY: "5 passed",
    }
    many = [
        findings.Finding(f"check {number}", findings.Depth.REST, findings.failed("bad"))
        for number in range(99)
    ]
    told = dict(naming.proof(dataclasses.replace(publishing.PASSING, findings=tuple(many))))
    assert told[marks.PROOF_RESULT] == "failed"
    assert len(told[marks.PROOF_SUMMARY]) == 255
    assert told[marks.PROOF_SUMMARY].startswith("failed: check 0, check 1, ")


@pytest.mark.parametrize("tag", ["a,b", " octavia", "octavia ", "a\nb", "x" * 256])
def test_refuses_tags_that_nobody_could_ask_for(tag: str) -> None:
    with pytest.raises(errors.ConfigError, match="the tag"):
        naming.tags(tag)


@hypothesis.given(strategies.text(strategies.characters(codec="ascii"), max_size=300))
def test_every_tag_taken_is_kept_as_it_is(tag: str) -> None:
    try:
        tags = naming.tags(tag)
    except errors.ConfigError:
        return
    assert set(tags) == {marks.OWN_TAG, tag or marks.OWN_TAG}
    assert all(0 < len(each) <= 255 for each in tags)


@pytest.mark.parametrize(
    ("debian", "kernel"), [("amd64", "x86_64"), ("arm64", "aarch64"), ("s390x", "s390x")]
)
def test_architectures_have_two_names(debian: str, kernel: str) -> None:
    assert architectures.kernel_architecture(debian) == kernel
    assert architectures.debian_architecture(kernel) == debian
    assert architectures.debian_architecture(debian) == debian


def test_labels_are_tags_that_nobody_finds_it_by():
    appearance = naming.Appearance(("a-label", "wanted"), model.Visibility.PUBLIC)

    described = _describe(None, "wanted", appearance=appearance)

    assert described.tags == ("a-label", marks.OWN_TAG, "wanted")
    assert described.amp_image_tag == "wanted"
    assert described.visibility == "public"


def test_what_glance_knows_of_machines_goes_along_from_the_base() -> None:
    known = {
        "hw_disk_bus": "scsi",
        "hw_scsi_model": "virtio-scsi",
        "hw_firmware_type": "uefi",
        "os_type": "linux",
        "image_original_user": "cloud",
        # Glance's own, what is said anew, and what is of nobody's concern.
        "os_glance_import_task": "4d1b",
        "os_hash_algo": "sha512",
        "os_purpose": "generic",
        "os_distro": "ubuntu",
        "owner_specified.openstack.md5": "",
        "image_source": "https://example.org/noble.img",
        "product_name": "com.ubuntu.cloud",
    }
    base = model.BaseImage(id="4d1b", min_ram=512, properties=tuple(sorted(known.items())))

    described = _describe(base)

    found = dict(described.properties)
    along = ("hw_disk_bus", "hw_scsi_model", "hw_firmware_type", "os_type", "image_original_user")
    assert {name: found[name] for name in along} == {name: known[name] for name in along}
    assert found["os_purpose"] == "network"
    assert found["os_distro"] == "debian"
    assert found["image_source"] == "private"
    assert not found.keys() & {"os_glance_import_task", "os_hash_algo", "product_name"}
    assert described.min_ram == 512


@pytest.mark.parametrize(
    ("base", "alone", "expected"),
    [
        ({}, True, "uefi"),
        ({}, False, None),
        ({"hw_firmware_type": "bios"}, True, "bios"),
        ({"hw_firmware_type": "uefi"}, False, "uefi"),
    ],
)
def test_an_image_that_only_uefi_starts_says_so(
    base: dict[str, str], alone: bool, expected: str | None
) -> None:
    known = model.BaseImage(properties=tuple(base.items()))
    built = dataclasses.replace(BUILT, uefi_alone=alone)
    described = _describe(known, built=built)
    assert dict(described.properties).get("hw_firmware_type") == expected


def test_an_image_says_what_the_scs_standard_asks_for() -> None:
    found = dict(_describe(None).properties)

    assert {name: found[name] for name in found if name in _SCS} == {
        "hotfix_hours": "0",
        "image_build_date": "2026-11-29",
        "image_description": "Octavia amphora, debian 12",
        "image_original_user": "debian",
        "image_source": "private",
        "os_purpose": "network",
        "provided_until": "none",
        "replace_frequency": "critical_bug",
        "uuid_validity": "last-3",
    }
    assert found["hw_architecture"] == found["architecture"] == "x86_64"
    assert dict(_describe(None, keep=0).properties)["uuid_validity"] == "forever"


def test_a_definition_says_otherwise() -> None:
    said = (("hw_architecture", "i686"), ("os_purpose", "custom"), ("uuid_validity", "notice"))
    base = model.BaseImage(properties=(("hw_architecture", "armv7l"),))

    found = dict(_describe(base, appearance=naming.Appearance(properties=said)).properties)

    assert {name: found[name] for name, _ in said} == dict(said)


@pytest.mark.parametrize(
    ("size", "disk"), [(0, 0), (1, 1), (3 * model.GIB, 3), (3 * model.GIB + 1, 4)]
)
def test_machines_need_the_disk_that_the_image_is(size: int, disk: int) -> None:
    assert _describe(None, built=dataclasses.replace(BUILT, virtual_size=size)).min_disk == disk


_SCS = {
    *("image_build_date", "image_description", "image_original_user", "image_source"),
    *("os_purpose", "replace_frequency", "hotfix_hours", "provided_until", "uuid_validity"),
}
