"""What is to be done about an image, and why."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest
from tests.support.provenance import records

from retrofit import model
from retrofit.cloud import images
from retrofit.model import findings, reasons
from retrofit.planning import fingerprint, plan
from retrofit.provenance import marks
from retrofit.publishing import naming

TAG = "octavia-amphora"
ELEMENTS = {"amphora-agent": "a1" * 32, "sos": "b2" * 32}
RELEASES = {"diskimage-builder": "3.41.0", "octavia": "19.0.0"}
REQUEST = model.BuildRequest(
    "amphora", archives=model.Archives(mirror="https://u:pw@mirror.example/ubuntu")
)
PROVEN = {marks.PROOF_RESULT: marks.PASSED, marks.PROOF_DEPTH: "boot"}
NEWER = dataclasses.replace(
    records.BASE, version_name="20260815", content_hash=f"sha512:{'cd' * 64}"
)
OPENSSL = reasons.Change("openssl", "3.0.13-0ubuntu3.4", "3.0.13-0ubuntu3.5")
TZDATA = reasons.Change("tzdata", "2026a", "2026b")


def _wanted(
    base: model.BaseImage = records.BASE,
    request: model.BuildRequest = REQUEST,
    elements: dict[str, str] = ELEMENTS,
    releases: dict[str, str] = RELEASES,
    **changes: Any,
) -> plan.Wanted:
    inputs = fingerprint.inputs(
        base=base.content_hash, elements=elements, releases=releases, request=request
    )
    usual = plan.Wanted(base, inputs, TAG, findings.Depth.BOOT)
    return dataclasses.replace(usual, **changes)


def _image(wanted: plan.Wanted | None = None, **changes: Any) -> images.Image:
    """Return the image that was published for a wish."""
    wanted = wanted or _wanted()
    said = {
        marks.FINGERPRINT: wanted.fingerprint,
        marks.INPUTS: json.dumps(fingerprint.tell(wanted.inputs)),
        "retrofit_source_hash": wanted.base.content_hash,
        "source_version_name": wanted.base.version_name,
    }
    properties = said | PROVEN | changes.pop("properties", {})
    return records.image(properties, **changes)


def _decide(
    wanted: plan.Wanted, *own: images.Image, same_fingerprint: tuple[images.Image, ...] = ()
) -> Any:
    planned = plan.decide(wanted, records.own(own), same_fingerprint)
    return planned.action.value, [(reason.kind.value, reason.text) for reason in planned.reasons]


def test_the_same_image_is_up_to_date() -> None:
    planned = plan.decide(_wanted(), records.own([_image()]), [_image()])

    assert planned.action is reasons.Action.NONE
    assert planned.reasons == ()
    assert planned.summary() == f"the image is up to date: {_image().name} ({_image().id})"


def test_the_first() -> None:
    assert _decide(_wanted()) == (
        "build",
        [("first", "no image of this project has the tag octavia-amphora")],
    )


def test_forced() -> None:
    assert _decide(_wanted(force=True), _image()) == (
        "build",
        [("forced", "a new image was requested by force")],
    )


def test_a_newer_base() -> None:
    assert _decide(_wanted(NEWER), _image()) == (
        "build",
        [("base", "newer base 20260801 → 20260815")],
    )


def test_an_older_base_is_another() -> None:
    assert _decide(_wanted(), _image(_wanted(NEWER))) == (
        "build",
        [("base", "other base 20260815 → 20260801")],
    )


def test_bases_without_versions_are_told_by_their_hashes() -> None:
    file = model.BaseImage(name="base.img", content_hash=f"sha512:{'12' * 64}")
    image = _image(properties={"source_version_name": marks.CUSTOM})

    assert _decide(_wanted(file), image) == (
        "build",
        [("base", "other base sha512:abababababab → sha512:121212121212")],
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"elements": {**ELEMENTS, "sos": "c3" * 32}}, "element sos changed"),
        ({"elements": {"amphora-agent": "a1" * 32}}, "element sos went"),
        ({"elements": {**ELEMENTS, "mine": "00"}}, "element mine came"),
        (
            {"request": dataclasses.replace(REQUEST, image_format=model.ImageFormat.RAW)},
            "compression zstd → nothing; image-format qcow2 → raw",
        ),
        (
            {"request": dataclasses.replace(REQUEST, environment=(("A", "secret"),))},
            "variable A came",
        ),
        (
            {"request": dataclasses.replace(REQUEST, archives=model.Archives())},
            "mirror https://mirror.example/ubuntu → nothing",
        ),
        (
            {"releases": {**RELEASES, "octavia": "19.0.1"}},
            "octavia 19.0.0 → 19.0.1",
        ),
    ],
    ids=["element", "gone", "new", "format", "variable", "option", "release"],
)
def test_another_recipe(changes: dict[str, Any], text: str) -> None:
    assert _decide(_wanted(**changes), _image()) == ("build", [("recipe", text)])


def test_another_password_of_a_mirror_is_no_other_recipe() -> None:
    archives = model.Archives(mirror="https://u:new@mirror.example/ubuntu")
    request = dataclasses.replace(REQUEST, archives=archives)

    assert _decide(_wanted(request=request), _image()) == ("none", [])


def test_an_image_that_does_not_tell() -> None:
    for text in ("", "no JSON", "[]", '{"base": 1}'):
        image = _image(_wanted(NEWER), properties={marks.INPUTS: text})
        assert _decide(_wanted(), image) == (
            "build",
            [("recipe", f"{image.name} has no metadata about its inputs")],
        )


def test_a_base_and_a_recipe_are_both_told() -> None:
    raw = dataclasses.replace(REQUEST, root_size=8 * model.GIB)
    _, reasons = _decide(_wanted(NEWER, raw), _image())

    assert [kind for kind, _ in reasons] == ["base", "recipe"]


def test_reasons_that_do_not_count_change_nothing() -> None:
    raw = dataclasses.replace(REQUEST, root_size=8 * model.GIB)
    planned = plan.decide(
        _wanted(NEWER, raw, rebuild_on=frozenset({reasons.Choice.SECURITY})),
        records.own([_image()]),
        [],
    )

    assert planned.action is reasons.Action.NONE
    assert [reason.counts for reason in planned.reasons] == [False, False]
    assert planned.summary() == (
        f"{_image().name} ({_image().id}) stays; these reasons do not count: "
        "newer base 20260801 → 20260815; root-size nothing → 8589934592"
    )


def test_reasons_that_count_come_first() -> None:
    raw = dataclasses.replace(REQUEST, root_size=8 * model.GIB)
    planned = plan.decide(
        _wanted(NEWER, raw, rebuild_on=frozenset({reasons.Choice.RECIPE})),
        records.own([_image()]),
        [],
    )

    assert planned.action is reasons.Action.BUILD
    assert [(reason.kind.value, reason.counts) for reason in planned.reasons] == [
        ("recipe", True),
        ("base", False),
    ]
    assert planned.summary() == "build: root-size nothing → 8589934592"


def test_a_proof_that_failed_is_tried_again() -> None:
    failed = _image(
        _wanted(NEWER),
        id="broken",
        tags=frozenset(),
        properties={
            marks.STATE: marks.FAILED,
            marks.PROOF_RESULT: marks.FAILED,
            marks.PROOF_SUMMARY: "failed: agent answers",
        },
    )
    assert _decide(_wanted(NEWER), _image(), same_fingerprint=(failed,)) == (
        "build",
        [
            ("proof", "the last image, broken, failed its proof: failed: agent answers"),
            ("base", "newer base 20260801 → 20260815"),
        ],
    )


def test_an_image_that_is_proved_too_little() -> None:
    wanted = _wanted(depth=findings.Depth.TRAFFIC)

    assert _decide(wanted, _image(), same_fingerprint=(_image(),)) == (
        "build",
        [("proof", f"{_image().name} is proved to depth boot, but traffic is required")],
    )


def test_an_image_that_is_deactivated_is_not_made_again() -> None:
    deactivated = dataclasses.replace(_image(_wanted(NEWER)), status="deactivated")

    planned = plan.decide(_wanted(NEWER), records.own([deactivated, _image()]), [deactivated])

    assert planned.action is reasons.Action.NONE
    assert planned.image == deactivated
    assert "is deactivated, and its inputs have not changed" in planned.summary()
    forced = dataclasses.replace(_wanted(NEWER), force=True)
    assert plan.decide(forced, records.own([deactivated]), []).action is reasons.Action.BUILD
    older = plan.decide(_wanted(NEWER), records.own([_image()]), [])
    assert older.action is reasons.Action.BUILD


def test_an_image_that_was_rolled_back_is_not_made_again() -> None:
    rolled_back = _image(
        _wanted(NEWER), properties={marks.STATE: marks.ROLLED_BACK}, tags=frozenset()
    )
    planned = plan.decide(_wanted(NEWER), records.own([rolled_back, _image()]), [rolled_back])

    assert planned.action is reasons.Action.NONE
    assert "was rolled back" in planned.summary()


def test_an_image_for_another_tag_only_gets_this_one() -> None:
    other = _image(id="other", tags=frozenset((marks.OWN_TAG, "previous-tag")))
    planned = plan.decide(_wanted(), records.own([]), [other])

    assert planned.action is reasons.Action.RETAG
    assert planned.image == other
    assert planned.summary() == (
        f"tag: {other.name} (other) has the same fingerprint, but not the tag octavia-amphora"
    )


def test_what_is_said_of_an_image_needs_no_build() -> None:
    present = _image(tags=frozenset((marks.OWN_TAG, TAG, "kept")), visibility="shared")
    said = naming.Appearance(("label",), model.Visibility.PUBLIC, (("hw_a", "1"),))

    planned = plan.decide(_wanted(appearance=said), records.own([present]), [present])

    assert (planned.action, planned.image) == (reasons.Action.RETAG, present)
    assert planned.summary() == (
        f"set: {present.name} ({present.id}): tag nothing → label; visibility shared → public; "
        "hw_a nothing → 1"
    )
    nothing = plan.decide(
        _wanted(appearance=naming.Appearance(("kept",))), records.own([present]), [present]
    )
    assert nothing.action is reasons.Action.NONE


def test_an_image_that_is_wanted_for_another_tag_stays_as_it_is() -> None:
    other = _image(id="other", tags=frozenset((marks.OWN_TAG, "another-tag")))
    wanted = _wanted(apart_from=frozenset({"another-tag"}))

    assert plan.decide(wanted, records.own([]), [other]).action is reasons.Action.BUILD


def test_an_image_that_octavia_would_not_take_is_not_tagged() -> None:
    other = _image(id="other", tags=frozenset((marks.OWN_TAG, "previous-tag")))
    newer = _image(_wanted(NEWER), created_at=other.created_at + datetime.timedelta(hours=1))

    assert _decide(_wanted(), newer, same_fingerprint=(other,))[0] == "build"


@pytest.mark.parametrize(
    ("rebuild_on", "action", "kinds"),
    [
        (frozenset(reasons.USUAL), "build", [("security", True), ("packages", False)]),
        (frozenset({reasons.Choice.PACKAGES}), "build", [("packages", True), ("security", False)]),
        (frozenset({reasons.Choice.BASE}), "none", [("security", False), ("packages", False)]),
    ],
    ids=["security", "packages", "neither"],
)
def test_newer_packages(
    rebuild_on: frozenset[reasons.Choice], action: str, kinds: list[tuple[str, bool]]
) -> None:
    nothing = plan.decide(_wanted(rebuild_on=rebuild_on), records.own([_image()]), [])

    planned = plan.with_packages(nothing, updates=[TZDATA], security=[OPENSSL])

    assert planned.action.value == action
    assert [(reason.kind.value, reason.counts) for reason in planned.reasons] == kinds
    assert planned.image == _image()


def test_packages_are_named_with_their_versions() -> None:
    nothing = plan.decide(_wanted(), records.own([_image()]), [])
    many = [reasons.Change(f"lib{number}", "1", "2") for number in range(7)]

    planned = plan.with_packages(nothing, updates=[], security=many)

    assert planned.summary() == (
        "build: security updates: lib0 1 → 2, lib1 1 → 2, lib2 1 → 2, lib3 1 → 2, lib4 1 → 2, "
        "2 more"
    )
    assert len(planned.reasons[0].changes) == 7


def test_nothing_newer_leaves_the_plan_as_it_is() -> None:
    nothing = plan.decide(_wanted(), records.own([_image()]), [])

    assert plan.with_packages(nothing, updates=[], security=[]) == nothing


@pytest.mark.parametrize("kind", reasons.Kind)
def test_only_what_can_be_chosen_needs_to_be(kind: reasons.Kind) -> None:
    assert kind.counts(tuple(reasons.Choice))
    assert kind.counts(()) == (kind.value not in tuple(reasons.Choice))
