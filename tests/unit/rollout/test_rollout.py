"""Rollouts that are killed at any moment, against an Octavia that lives in memory.

tests/functional/rollout/test_rollout.py has the real one.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import signal
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import strategies as st

from retrofit import errors
from retrofit.cloud import refusals
from retrofit.host import http_errors
from retrofit.rollout import fleet, rollout

OLD, NEW = "old", "new"
TARGETS = {"": fleet.Target(NEW)}
LIMITS = rollout.Limits(max_parallel=1, pause_s=0, timeout_s=60)
_DURATION_S = 3


class Killed(BaseException):
    """Ends a rollout as SIGKILL does: it has no say in it."""


class Clock:
    """Stands where the time is asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Octavia:
    """Replaces amphorae after a while, unless their load balancer is to fail or to hang.

    Attributes:
        balancers: By identifier.
        asked: The amphorae that it was asked to replace.
        most: How many failovers were under way at the same time at most.
        fatal: At which request its user is killed, from 1 on; 0 for none.
        troubles: Called at every request.
    """

    def __init__(self, clock: Clock, balancers: list[fleet.Balancer]) -> None:
        self.balancers = {each.id: each for each in balancers}
        self.asked: list[str] = []
        self.most = 0
        self.fatal = 0
        self.fails: set[str] = set()
        self.hangs: set[str] = set()
        self.troubles: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._requests = 0
        self._under_way: dict[str, tuple[str, float]] = {}
        self._numbers = itertools.count()

    def refreshed(self, balancer: fleet.Balancer) -> fleet.Balancer | None:
        self._ask("refreshed")
        return self.balancers.get(balancer.id)

    def fail_over(self, amphora_id: str) -> None:
        self._work()
        (balancer,) = (
            each
            for each in self.balancers.values()
            if amphora_id in {one.id for one in each.amphorae}
        )
        if balancer.status != fleet.ACTIVE:
            raise refusals.Conflict("it is immutable")
        self.asked.append(amphora_id)
        self._under_way[balancer.id] = amphora_id, self._clock.now_s + _DURATION_S
        self.most = max(self.most, len(self._under_way))
        self._change(balancer, status=fleet.PENDING_UPDATE)
        # Killed or cut off when Octavia has it already.
        self._ask("fail_over")

    def _ask(self, what: str) -> None:
        self._work()
        self._requests += 1
        if self._requests == self.fatal:
            raise Killed
        self.troubles(what)

    def _work(self) -> None:
        for balancer_id, (amphora_id, end_s) in list(self._under_way.items()):
            if self._clock.now_s < end_s or balancer_id in self.hangs:
                continue
            del self._under_way[balancer_id]
            balancer = self.balancers[balancer_id]
            if balancer_id in self.fails:
                self._change(balancer, status=fleet.ERROR)
                continue
            amphorae = tuple(
                dataclasses.replace(each, id=f"new{next(self._numbers)}", image_id=NEW)
                if each.id == amphora_id
                else each
                for each in balancer.amphorae
            )
            self._change(balancer, status=fleet.ACTIVE, amphorae=amphorae)

    def _change(self, balancer: fleet.Balancer, **changes: object) -> None:
        self.balancers[balancer.id] = dataclasses.replace(balancer, **changes)  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rollout, "time", clock)
    return clock


def _balancer(name: str, *images: str) -> fleet.Balancer:
    roles = ("STANDALONE",) if len(images) == 1 else ("MASTER", "BACKUP")
    amphorae = tuple(
        fleet.Amphora(f"{name}-{role}", role, fleet.ALLOCATED, image)
        for image, role in zip(images, roles, strict=True)
    )
    return fleet.Balancer(name, "", fleet.ACTIVE, "", amphorae)


def _run(
    octavia: Octavia, limits: rollout.Limits = LIMITS
) -> tuple[errors.RetrofitError | None, list[str]]:
    told: list[str] = []
    work = rollout.Rollout(octavia, TARGETS, limits, told.append)  # type: ignore[arg-type]
    return work.run([fleet.assess(each, TARGETS) for each in octavia.balancers.values()]), told


_FLEETS = st.lists(st.lists(st.sampled_from((OLD, NEW)), min_size=1, max_size=2), max_size=4)


@hypothesis.given(
    _FLEETS, st.integers(1, 3), st.integers(0, 5), st.lists(st.integers(1, 30), max_size=3)
)
@hypothesis.settings(deadline=None)
def test_killed_at_any_request_the_next_one_goes_on(
    images: list[list[str]], max_parallel: int, pause_s: int, kills: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(rollout, "time", clock)
        balancers = [_balancer(f"b{number}", *each) for number, each in enumerate(images)]
        outdated = [one.id for each in balancers for one in each.amphorae if one.image_id == OLD]
        octavia = Octavia(clock, balancers)
        limits = rollout.Limits(max_parallel, pause_s, timeout_s=60)
        for requests in kills:
            octavia.fatal = octavia._requests + requests
            try:
                assert _run(octavia, limits)[0] is None
            except Killed:
                pass
        octavia.fatal = 0

        problem, _ = _run(octavia, limits)

    assert problem is None
    assert sorted(octavia.asked) == sorted(outdated)
    assert octavia.most <= max_parallel
    for each in octavia.balancers.values():
        assert (each.status, {one.image_id for one in each.amphorae}) == (fleet.ACTIVE, {NEW})
    # Of a pair, the standby was first.
    places = {amphora: place for place, amphora in enumerate(octavia.asked)}
    for each in balancers:
        roles = {one.role: places[one.id] for one in each.amphorae if one.id in places}
        assert roles.get("BACKUP", -1) < roles.get("MASTER", len(places))


@pytest.mark.parametrize("ending", ["fails", "hangs"])
def test_nothing_is_begun_after_a_failure_but_what_is_under_way_is_waited_for(
    clock: Clock, ending: str
) -> None:
    octavia = Octavia(clock, [_balancer(name, OLD, OLD) for name in "abcd"])
    getattr(octavia, ending).add("a")

    problem, told = _run(octavia, dataclasses.replace(LIMITS, max_parallel=2, timeout_s=4))

    assert isinstance(problem, errors.RolloutStopped)
    assert str(problem).startswith("load balancer a did not recover: it is ")
    assert not {each for each in octavia.asked if each.startswith(("c", "d"))}
    statuses = collections.Counter(each.status for each in octavia.balancers.values())
    assert statuses[fleet.ACTIVE] == 3
    assert sorted(line[:36] for line in told) == [
        "a: failed: load balancer a did not r",
        "b: 1 amphora replaced, the rest is l"
        if ending == "fails"
        else "b: 2 amphorae replaced, 6.0 s",
    ]


def test_an_answer_that_is_lost_is_not_asked_for_again(clock: Clock) -> None:
    octavia = Octavia(clock, [_balancer("a", OLD)])

    def lose(what: str) -> None:
        if what == "fail_over":
            raise http_errors.unreachable("fail amphora over", "reset")

    octavia.troubles = lose

    problem, told = _run(octavia)

    assert problem is None
    assert octavia.asked == ["a-STANDALONE"]
    assert told[0] == "a: Octavia is already changing it; waiting until this ends"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("lost", [True, False])
def test_a_signal_in_the_middle_of_a_request_is_told_what_is_under_way(
    clock: Clock, lost: bool
) -> None:
    octavia = Octavia(clock, [_balancer(name, OLD) for name in "ab"])

    def interrupt(what: str) -> None:
        if what == "fail_over":
            os.kill(os.getpid(), signal.SIGINT)
            if lost:
                raise http_errors.unreachable("fail amphora over", "reset")

    octavia.troubles = interrupt

    with pytest.raises(errors.Interrupted) as caught:
        _run(octavia)

    assert caught.value.exit_code == 130
    assert str(caught.value).endswith("Octavia still works on a")
    assert octavia.asked == ["a-STANDALONE"]


def test_a_refusal_stops_it(clock: Clock) -> None:
    octavia = Octavia(clock, [_balancer(name, OLD) for name in "ab"])
    refusal = errors.Denied("cannot fail amphora over: not allowed")

    def refuse(amphora_id: str) -> None:
        octavia.asked.append(amphora_id)
        raise refusal

    octavia.fail_over = refuse  # type: ignore[method-assign]

    assert _run(octavia)[0] is refusal
    assert octavia.asked == ["a-STANDALONE"]


@pytest.mark.parametrize(("away_s", "stops"), [(10, False), (100, True)])
def test_octavia_may_be_away_for_a_while(clock: Clock, away_s: float, stops: bool) -> None:
    octavia = Octavia(clock, [_balancer("a", OLD)])

    def be_away(what: str) -> None:
        if what == "refreshed" and octavia.asked and clock.now_s < away_s:
            raise http_errors.unreachable("show load balancer a", "refused")

    octavia.troubles = be_away

    problem, _ = _run(octavia)

    assert (problem is not None) is stops
    assert octavia.asked == ["a-STANDALONE"]


def test_what_is_gone_meanwhile_is_passed_over(clock: Clock) -> None:
    octavia = Octavia(clock, [_balancer(name, OLD) for name in "ab"])

    def delete(what: str) -> None:
        if octavia.asked:
            octavia.balancers.pop("a", None)
            octavia._under_way.pop("a", None)

    octavia.troubles = delete

    problem, told = _run(octavia)

    assert problem is None
    assert told[0].startswith("a: was deleted in the meantime")
    assert octavia.asked == ["a-STANDALONE", "b-STANDALONE"]


def test_what_broke_meanwhile_is_left(clock: Clock) -> None:
    octavia = Octavia(clock, [_balancer(name, OLD) for name in "ab"])

    def break_(_: str) -> None:
        octavia._change(octavia.balancers["b"], status=fleet.ERROR)

    octavia.troubles = break_

    problem, told = _run(octavia)

    assert problem is None
    assert told[-1].startswith("b: is left: it is in ERROR")
    assert octavia.asked == ["a-STANDALONE"]
