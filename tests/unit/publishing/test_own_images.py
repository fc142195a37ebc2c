"""What the properties and the order of images in Glance say about them."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from tests.support.provenance import records

from retrofit.cloud import images
from retrofit.model import findings
from retrofit.provenance import marks
from retrofit.publishing import image_states, own_images, survey

TAG = "octavia-amphora"
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
PROVEN = {marks.PROOF_RESULT: marks.PASSED, marks.PROOF_DEPTH: "boot"}


def _image(name: str, *, owner: str = "ours", **said: str) -> images.Image:
    usual = {marks.FINGERPRINT: "f", "architecture": "x86_64"}
    return dataclasses.replace(records.image(usual | said), id=name, owner=owner)


@pytest.mark.parametrize(
    ("said", "depth"),
    [
        (PROVEN, "boot"),
        ({marks.PROOF_DEPTH: "off"}, "off"),
        ({}, "off"),
        ({marks.PROOF_RESULT: marks.FAILED, marks.PROOF_DEPTH: "traffic"}, "off"),
        # Of a version to come.
        ({marks.PROOF_RESULT: marks.PASSED, marks.PROOF_DEPTH: "deeper"}, "off"),
    ],
)
def test_only_what_passed_is_proved(said: dict[str, str], depth: str) -> None:
    assert image_states.depth(_image("i", **said)) == findings.Depth(depth)


@pytest.mark.parametrize(
    ("changes", "current"),
    [
        ({}, True),
        ({"status": "deactivated"}, False),
        ({"tags": frozenset((marks.OWN_TAG,))}, False),
        ({"tags": frozenset((TAG,))}, False),
        ({"properties": PROVEN}, False),
        ({"properties": {**PROVEN, marks.FINGERPRINT: "other"}}, False),
        (
            {"properties": {**PROVEN, marks.FINGERPRINT: "f", marks.STATE: marks.PREVIOUS}},
            False,
        ),
    ],
)
def test_current_is_what_octavia_may_take_and_was_made_so(
    changes: dict[str, object], current: bool
) -> None:
    image = dataclasses.replace(_image("i", **PROVEN), **changes)  # type: ignore[arg-type]

    found = records.own([image]).up_to_date("f", findings.Depth.BOOT)

    assert found == (image if current else None)


def test_the_previous_one_is_the_newest_proven_before_the_current_one() -> None:
    previous = {**PROVEN, marks.STATE: marks.PREVIOUS}
    newer = _image("newer", **previous)
    present = _image("present", **PROVEN)
    off = _image("off", **{marks.STATE: marks.PREVIOUS, marks.PROOF_DEPTH: "off"})
    rolled_back = _image("back", **PROVEN, **{marks.STATE: marks.ROLLED_BACK})
    arm = _image("arm", **previous, architecture="aarch64")
    gone = dataclasses.replace(_image("gone", **previous), status="deactivated")
    good, older = _image("good", **previous), _image("older", **previous)
    own = [newer, present, off, rolled_back, arm, gone, good, older]

    assert records.own(own).previous(present) == good
    assert records.own(own).unproven_previous(present) == off
    assert records.own(own).previous(older) is None
    assert records.own([present, off, arm, gone]).previous(present, hidden=[newer, older]) == newer
    before = dataclasses.replace(older, created_at=NOW - datetime.timedelta(days=400))
    after = dataclasses.replace(newer, created_at=NOW)
    assert records.own([present, off]).previous(present, hidden=[after, before]) == before
    assert records.own([present, good]).previous(present, hidden=[before]) == good


def test_a_survey_sorts_all_there_is() -> None:
    public = dataclasses.replace(_image("public", owner="theirs"), visibility="public")
    lead = _image("lead", **PROVEN)
    previous = _image("previous", **PROVEN, **{marks.STATE: marks.PREVIOUS})
    failed = _image("failed", **{marks.STATE: marks.FAILED})
    unproven = _image("unproven", **{marks.STATE: marks.UNPROVEN})
    torn = dataclasses.replace(_image("torn", **PROVEN), tags=frozenset())
    back = _image("back", **{marks.STATE: marks.ROLLED_BACK})

    found = survey.survey(
        records.own([unproven, failed, torn, back, lead, previous]), [public, lead], "ours"
    )

    assert (found.selected, found.current, found.previous) == (public, lead, previous)
    assert (found.failed, found.rolled_back) == ((failed,), (back,))
    assert found.unproven == (unproven, torn)
    (shadowing_image,) = found.shadowing
    assert (shadowing_image.id, shadowing_image.owner, shadowing_image.amp_image_owner_id) == (
        "public",
        "theirs",
        "ours",
    )


def test_without_one_of_ours_all_others_are_shadowing() -> None:
    theirs, existing_charm = _image("theirs", owner="theirs"), _image("existing-charm")

    shadowing = survey.shadowing([theirs, existing_charm], None, "ours")

    assert [image.amp_image_owner_id for image in shadowing] == ["ours", ""]


@pytest.mark.parametrize(
    ("name", "certain", "moving"),
    [
        (TAG, TAG, TAG),
        ("", marks.OWN_TAG, ""),
        # It is on all our images and never moves.
        (marks.OWN_TAG, marks.OWN_TAG, ""),
    ],
)
def test_a_tag_that_was_not_given(name: str, certain: str, moving: str) -> None:
    tag = own_images.Tag(name)

    assert (tag.certain, tag.moving) == (certain, moving)
    assert records.own([_image("i", **PROVEN)], name).current is not None
