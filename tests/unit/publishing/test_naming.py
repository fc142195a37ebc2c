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


def _describe(base: model.BaseImage | None, tag: str = "octavia-amphora") -> naming.Description:
    return naming.describe(BUILT, base, recipe="amphora", kind=KIND, fingerprint="f" * 64, tag=tag)


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
    described = naming.describe(
        BUILT,
        None,
        recipe="amphora",
        kind=KIND,
        fingerprint="f" * 64,
        tag="wanted",
        appearance=naming.Appearance(("a-label", "wanted"), model.Visibility.PUBLIC),
    )

    assert described.tags == ("a-label", marks.OWN_TAG, "wanted")
    assert described.amp_image_tag == "wanted"
    assert described.visibility == "public"
