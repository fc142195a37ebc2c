"""What becomes of images that are not wanted any more, decided without Glance."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies
from tests.support.provenance import records

from retrofit.cloud import images
from retrofit.provenance import marks
from retrofit.publishing import retention

TAG = "octavia-amphora"
OWN = frozenset((marks.OWN_TAG,))
NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
PROVEN = {marks.PROOF_RESULT: marks.PASSED, marks.PROOF_DEPTH: "boot"}
HIDE, DELETE, KEEP = retention.Action.HIDE, retention.Action.DELETE, retention.Action.KEEP


def _image(number: int, state: str = marks.PREVIOUS, **changes: Any) -> images.Image:
    """Return the image of a day; changes are of it, or of its properties."""
    fields = {field.name for field in dataclasses.fields(images.Image)}
    said = {marks.FINGERPRINT: "f", marks.AMP_IMAGE_TAG: TAG, "architecture": "x86_64"}
    said |= PROVEN | {name: changes.pop(name) for name in changes.keys() - fields}
    if state:
        said[marks.STATE] = state
    made = NOW - datetime.timedelta(days=100 - number)
    usual: dict[str, Any] = {"tags": OWN, "created_at": made, "updated_at": made}
    return records.image(said, **usual | {"id": f"i{number}"} | changes)


def _current(number: int, **changes: Any) -> images.Image:
    return _image(number, "", **{"tags": OWN | {TAG}} | changes)


def _decided(
    visible: list[images.Image], hidden: list[images.Image], keep: int
) -> dict[str, retention.Action]:
    """Return what becomes of images, by their numbers."""
    steps = retention.rotation(records.own(visible), hidden, keep=keep, now=NOW)
    return {step.image.id: step.action for step in steps}


def test_the_newest_are_kept_and_older_ones_hidden_then_deleted() -> None:
    visible = [_current(9), _image(8), _image(7), _image(6)]
    hidden = [_image(5, hidden=True), _image(4, marks.ROLLED_BACK, hidden=True)]

    steps = retention.rotation(records.own(visible), hidden, keep=3, now=NOW)

    assert [(step.action, step.image.id, step.reason) for step in steps] == [
        (HIDE, "i6", "3 newer images are kept"),
        (DELETE, "i5", "it was hidden at 2026-08-18 00:00 UTC"),
        (DELETE, "i4", "it was hidden at 2026-08-17 00:00 UTC"),
    ]


def test_what_was_just_hidden_is_not_deleted() -> None:
    since = NOW - retention.GRACE + datetime.timedelta(seconds=1)
    hidden = [_image(5, hidden=True, updated_at=since)]

    (step,) = retention.rotation(records.own([_current(9), _image(8)]), hidden, keep=2, now=NOW)

    assert (step.action, step.image.id) == (KEEP, "i5")
    assert step.reason == "it is hidden, and will be deleted after 2026-11-21 00:00 UTC"


def test_hidden_ones_that_are_wanted_again_stay() -> None:
    visible, hidden = [_current(9), _image(8)], [_image(7, hidden=True), _image(6, hidden=True)]

    assert _decided(visible, hidden, keep=3) == {"i6": DELETE}


def test_what_a_rollback_goes_back_to_is_kept() -> None:
    unproven = {marks.PROOF_DEPTH: "off", marks.PROOF_RESULT: ""}
    visible = [_current(9), _image(8, **unproven), _image(7, marks.ROLLED_BACK), _image(6)]
    assert _decided(visible, [], keep=2) == {"i7": HIDE, "i6": KEEP}
    hidden = [_image(6, hidden=True), _image(5, hidden=True)]
    assert _decided(visible[:-1], hidden, keep=1) == {
        "i8": HIDE,
        "i7": HIDE,
        "i6": KEEP,
        "i5": DELETE,
    }


def test_what_was_rolled_back_stays_until_a_newer_one_is_current() -> None:
    visible = [_image(9, marks.ROLLED_BACK), _current(8), _image(7), _image(6)]

    assert _decided(visible, [], keep=2) == {"i6": HIDE}


def test_an_image_that_alone_has_a_tag_is_kept() -> None:
    visible = [
        _current(9, tags=OWN | {TAG, "label"}),
        _image(8, tags=OWN | {"label"}),
        _image(7, tags=OWN | {"label", "previous-tag"}, status="deactivated"),
        _image(6, tags=OWN | {"label", "previous-tag"}),
        _image(5, tags=OWN | {"previous-tag"}),
    ]

    assert _decided(visible, [], keep=1) == {"i8": KEEP, "i7": HIDE, "i6": KEEP, "i5": HIDE}


def test_protected_images_are_not_deleted() -> None:
    hidden = [_image(5, hidden=True, protected=True)]

    (step,) = retention.rotation(records.own([_current(9), _image(8)]), hidden, keep=2, now=NOW)

    assert (step.action, step.reason) == (KEEP, "it is protected from deletion")


def test_what_the_existing_charm_or_anybody_else_made_is_not_touched() -> None:
    existing_charm = _image(6)
    del existing_charm.properties[marks.FINGERPRINT]  # type: ignore[attr-defined]
    tagged_by_hand = _current(5)

    assert _decided([_current(9), _image(8), existing_charm, tagged_by_hand], [], keep=2) == {}


@pytest.mark.parametrize("state", [marks.UPLOADING, marks.UNPROVEN])
def test_what_is_being_made_is_not_touched(state: str) -> None:
    assert _decided([_current(9), _image(8), _image(7, state)], [], keep=2) == {}


def test_failed_ones_are_kept_until_a_newer_one_is_current() -> None:
    visible = [_image(9, marks.FAILED), _current(8), _image(7, marks.FAILED), _image(6)]

    assert _decided(visible, [], keep=3) == {"i7": DELETE}


def test_without_a_current_image_nothing_happens() -> None:
    assert _decided([_image(9), _image(8), _image(7)], [_image(6, hidden=True)], keep=1) == {}


def test_each_architecture_has_its_own() -> None:
    arm = {"architecture": "aarch64"}
    visible = [_current(9), _current(8, **arm), _image(7, **arm), _image(6), _image(5)]

    assert _decided(visible, [], keep=2) == {"i5": HIDE}


@pytest.mark.parametrize(("tag", "keep"), [(marks.OWN_TAG, 1), ("", 1), (TAG, 0)])
def test_without_a_line_or_a_number_all_stay(tag: str, keep: int) -> None:
    visible = [_current(9), _image(8), _image(7)]

    assert retention.rotation(records.own(visible, tag), [], keep=keep, now=NOW) == []


@hypothesis.given(
    strategies.lists(
        strategies.tuples(
            strategies.sampled_from((marks.UPLOADING, marks.UNPROVEN, marks.PREVIOUS, "")),
            strategies.sampled_from(("queued", "saving", "active")),
            strategies.integers(min_value=-100, max_value=200_000),
        )
    )
)
def test_leftovers_are_those_that_nobody_can_be_at_work_on(
    stood: list[tuple[str, str, int]],
) -> None:
    marked = [
        _image(number, state, status=status, updated_at=NOW - datetime.timedelta(seconds=age))
        for number, (state, status, age) in enumerate(stood)
    ]

    removed = {step.image.id for step in retention.leftovers(marked, NOW)}

    for number, (state, status, age) in enumerate(stood):
        longest = {marks.UPLOADING: 600, marks.UNPROVEN: 6 * 3600}.get(state)
        if status == "saving" and longest is not None:
            longest = 24 * 3600
        assert (f"i{number}" in removed) == (longest is not None and age > longest)


def test_of_failed_ones_the_last_of_each_line_is_kept() -> None:
    failed = marks.FAILED
    marked = [
        _image(9, failed),
        _image(8, failed, architecture="aarch64"),
        _image(7, failed, **{marks.AMP_IMAGE_TAG: "another"}),
        _image(6, failed),
        _image(5, failed, architecture="aarch64", protected=True),
    ]

    steps = retention.leftovers(marked, NOW)

    assert [(step.action, step.image.id) for step in steps] == [(DELETE, "i6"), (KEEP, "i5")]


def test_what_is_used_or_may_be_is_spared() -> None:
    steps = [
        retention.Step(DELETE, _image(1, marks.UPLOADING, status="saving"), "left"),
        retention.Step(DELETE, _image(2), "hidden"),
        retention.Step(DELETE, _image(3, status="deactivated"), "hidden"),
        retention.Step(HIDE, _image(4), "replaced"),
    ]

    assert [image.id for image in retention.in_question(steps)] == ["i2", "i3"]
    assert retention.spare(steps, {}, "") == steps
    used = retention.spare(steps, {"i3": "server 4f", "i4": "server 5a"}, "")
    assert [step.action for step in used] == [DELETE, DELETE, KEEP, HIDE]
    assert used[2].reason == "server 4f uses it"
    unknown = retention.spare(steps, {"i3": "server 4f"}, "Nova does not answer")
    assert [step.action for step in unknown] == [DELETE, KEEP, KEEP, HIDE]
    assert [step.reason for step in unknown[1:3]] == [
        "its users are not known",
        "server 4f uses it",
    ]
