"""Which amphorae are outdated, which is next, and when a rollout stops."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from retrofit.rollout import fleet

OLD, NEW, OTHER = "old", "new", "other"
TAG, FLAVORED = "octavia-amphora", "of-a-flavor"
TARGETS = {TAG: fleet.Target(NEW), FLAVORED: fleet.Target(OTHER)}
State = fleet.State
_numbers = itertools.count()


def _amphora(
    image: str, role: str = "STANDALONE", status: str = fleet.ALLOCATED, name: str = ""
) -> fleet.Amphora:
    return fleet.Amphora(name or f"amphora{next(_numbers)}", role, status, image)


def _balancer(*amphorae: fleet.Amphora, **changes: Any) -> fleet.Balancer:
    usual = fleet.Balancer("b1", "web", fleet.ACTIVE, TAG, amphorae)
    return dataclasses.replace(usual, **changes)


@pytest.mark.parametrize(
    ("balancer", "state"),
    [
        (_balancer(_amphora(NEW)), State.CURRENT),
        (_balancer(_amphora(OTHER), tag=FLAVORED), State.CURRENT),
        (_balancer(_amphora(NEW), status=fleet.PENDING_UPDATE), State.CURRENT),
        (_balancer(_amphora(NEW), status=fleet.ERROR), State.CURRENT),
        (_balancer(_amphora(NEW), _amphora(OLD)), State.OUTDATED),
        (_balancer(_amphora(NEW), tag=FLAVORED), State.OUTDATED),
        (_balancer(_amphora(OLD), status=fleet.PENDING_UPDATE), State.BUSY),
        (
            _balancer(_amphora(NEW), _amphora("", status="BOOTING"), status=fleet.PENDING_UPDATE),
            State.BUSY,
        ),
        (_balancer(_amphora(""), status=fleet.PENDING_CREATE), State.PASSING),
        (_balancer(_amphora(OLD), status=fleet.PENDING_DELETE), State.PASSING),
        (_balancer(_amphora(OLD), status=fleet.ERROR), State.LEFT),
        (_balancer(_amphora(OLD), status="ASLEEP"), State.LEFT),
        (_balancer(_amphora(""), _amphora(OLD)), State.LEFT),
        (_balancer(_amphora(OLD), _amphora(NEW, status="ERROR")), State.LEFT),
        (_balancer(_amphora(OLD), tag="unknown"), State.LEFT),
    ],
)
def test_how_a_load_balancer_stands(balancer: fleet.Balancer, state: fleet.State) -> None:
    found = fleet.assess(balancer, TARGETS)

    assert found.state is state
    assert bool(found.reason) is (state in (State.LEFT, State.PASSING))


def test_what_cannot_be_reached_is_left() -> None:
    targets = {TAG: fleet.Target(NEW, "would get another")}
    nothing = {TAG: fleet.Target("", "has no image")}

    assert fleet.assess(_balancer(_amphora(NEW)), targets).state is State.CURRENT
    assert fleet.assess(_balancer(_amphora(OLD)), targets).reason == "would get another"
    assert fleet.assess(_balancer(_amphora(NEW)), nothing).state is State.LEFT
    # An unknown image is not taken for one that there is not.
    assert fleet.assess(_balancer(_amphora("")), nothing).state is State.LEFT


def test_the_standby_comes_first() -> None:
    pair = (_amphora(OLD, "MASTER"), _amphora(OLD, "BACKUP"))

    found = fleet.assess(_balancer(*pair), TARGETS)

    assert [each.role for each in found.outdated] == ["BACKUP", "MASTER"]


def test_what_is_begun_is_ended_first() -> None:
    balancers = [
        _balancer(_amphora(OLD), name="b"),
        _balancer(_amphora(OLD), name="a", id="b3"),
        _balancer(_amphora(OLD), name="a", id="b2"),
        _balancer(_amphora(OLD), _amphora(NEW), name="half"),
        _balancer(_amphora(OLD), name="under way", status=fleet.PENDING_UPDATE),
        _balancer(_amphora(NEW), name="current"),
        _balancer(_amphora(OLD), name="left", status=fleet.ERROR),
    ]

    ordered = fleet.queue(fleet.assess(each, TARGETS) for each in balancers)

    assert [(each.balancer.name, each.balancer.id) for each in ordered] == [
        ("under way", "b1"),
        ("half", "b1"),
        ("a", "b2"),
        ("a", "b3"),
        ("b", "b1"),
    ]


@pytest.mark.parametrize(
    ("own", "named", "runs", "tag"),
    [
        ("", (), OLD, TAG),
        ("", (FLAVORED,), OLD, TAG),
        (FLAVORED, (FLAVORED,), OLD, FLAVORED),
        # It may be the flavor's only.
        ("", (TAG,), OTHER, ""),
        ("", (TAG,), "gone", ""),
        ("", (TAG,), OLD, TAG),
    ],
)
def test_which_tag_counts(own: str, named: tuple[str, ...], runs: str, tag: str) -> None:
    balancer = _balancer(_amphora(runs), tag=own)
    made_for = {OLD: frozenset((TAG,)), OTHER: frozenset((FLAVORED,))}

    assert fleet.with_tag(balancer, TAG, frozenset(named), made_for).tag == tag


_OLD, _BACKUP = _amphora(OLD, "MASTER", name="m"), _amphora(OLD, "BACKUP", name="s")


@pytest.mark.parametrize(
    ("now", "waited", "progress", "reason"),
    [
        (_balancer(_OLD, _BACKUP, status=fleet.PENDING_UPDATE), 9, "UNDER_WAY", ""),
        (
            _balancer(_OLD, status=fleet.PENDING_UPDATE),
            10,
            "FAILED",
            "did not recover: it is PENDING_UPDATE after 10 s",
        ),
        (_balancer(_OLD, status=fleet.ERROR), 1, "FAILED", "did not recover: it is in ERROR"),
        (_balancer(_OLD, _amphora(NEW, "BACKUP")), 1, "DONE", ""),
        # Octavia has yet to delete it.
        (
            _balancer(
                _OLD, dataclasses.replace(_BACKUP, status=fleet.PENDING_DELETE), _amphora(NEW)
            ),
            1,
            "DONE",
            "",
        ),
        # Octavia may not know yet what it has begun.
        (_balancer(_OLD, _BACKUP), 1, "UNDER_WAY", ""),
        (_balancer(_OLD, _BACKUP), 10, "FAILED", "is ACTIVE, but still has amphora s"),
        (
            _balancer(_OLD, _amphora(OTHER, name="n")),
            1,
            "FAILED",
            "got amphora n, which runs image other, not the current new",
        ),
        (
            _balancer(_OLD, _amphora("", name="n")),
            1,
            "FAILED",
            "got amphora n, which runs an unknown image, not the current new",
        ),
    ],
)
def test_how_far_a_failover_is(
    now: fleet.Balancer, waited: float, progress: str, reason: str
) -> None:
    failover = fleet.begin(_balancer(_OLD, _BACKUP), _BACKUP.id, 100)

    found = fleet.judge(failover, now, TARGETS[TAG], now_s=100 + waited, timeout_s=10)

    assert found == (fleet.Progress[progress], reason)


def test_what_somebody_else_began_is_judged_by_what_boots() -> None:
    booting = _amphora("", "", status="BOOTING", name="n")
    seen = _balancer(_OLD, booting, status=fleet.PENDING_UPDATE)
    failover = fleet.begin(seen, "", 0)

    def judged(image: str) -> fleet.Progress:
        now = _balancer(_OLD, dataclasses.replace(booting, image_id=image, status="ALLOCATED"))
        return fleet.judge(failover, now, TARGETS[TAG], now_s=1, timeout_s=10)[0]

    assert (judged(NEW), judged(OTHER)) == (fleet.Progress.DONE, fleet.Progress.FAILED)


def test_spares_that_run_something_else_are_in_the_way() -> None:
    spares = [_amphora(NEW), _amphora(OLD), _amphora("")]

    assert fleet.hindering(spares, TARGETS[TAG]) == spares[1:]


def test_names_do_not_reach_the_terminal_as_they_are() -> None:
    assert str(_balancer(name="a\x1b[2J")) == "a?[2J (b1)"
    assert str(_balancer(name="")) == "b1"


_AMPHORAE = st.builds(
    _amphora,
    st.sampled_from((OLD, NEW, OTHER, "")),
    st.sampled_from(("MASTER", "BACKUP", "STANDALONE", "")),
    st.sampled_from((fleet.ALLOCATED, "BOOTING", "PENDING_DELETE", "ERROR")),
)
_BALANCERS = st.builds(
    fleet.Balancer,
    st.uuids().map(str),
    st.sampled_from("abc"),
    st.sampled_from(
        (
            fleet.ACTIVE,
            fleet.ERROR,
            fleet.PENDING_UPDATE,
            fleet.PENDING_CREATE,
            fleet.PENDING_DELETE,
        )
    ),
    st.sampled_from((TAG, FLAVORED, "")),
    st.lists(_AMPHORAE, min_size=1, max_size=3).map(tuple),
)


@hypothesis.given(st.lists(_BALANCERS, max_size=6))
def test_only_what_is_whole_and_outdated_is_touched(balancers: list[fleet.Balancer]) -> None:
    found = [fleet.assess(each, TARGETS) for each in balancers]

    for each in fleet.queue(found):
        if each.state is State.OUTDATED:
            balancer = each.balancer
            wanted = TARGETS[balancer.tag].image_id
            assert balancer.status == fleet.ACTIVE
            assert {one.status for one in balancer.amphorae} == {fleet.ALLOCATED}
            assert wanted not in {one.image_id for one in each.outdated}
            assert {one.image_id for one in balancer.amphorae} - {wanted}
            assert "" not in {one.image_id for one in each.outdated}
    counted = fleet.counts(found)
    present = [each for each in found if each.state is not State.PASSING]
    assert sum(number for *_, number in counted) == sum(
        len(each.balancer.amphorae) for each in present
    )
    assert all(current for _, _, current, _ in counted) == all(
        each.state is State.CURRENT for each in present
    )
