"""Replaces amphorae that run a previous image, load balancer by load balancer, by failover.

All that is known stands in Octavia: whoever comes next goes on with a rollout that was ended at
any moment. What Octavia has begun it ends by itself.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from .. import errors
from ..host import signals
from . import amphorae, fleet, overview

_LOG = logging.getLogger(__name__)

_TICK_S = 0.2
# A failover takes minutes: it is asked about ever less often.
_SELDOMEST_LOOK_S = 5.0
_HINT = "no further failover begins; see Octavia's log and retrofit status, then run it again"


@dataclasses.dataclass(frozen=True)
class Limits:
    """How carefully to go.

    Attributes:
        max_parallel: Load balancers that may be worked on at the same time.
        pause_s: Seconds in which nothing is begun after a failover.
        timeout_s: Seconds that a failover may take.
    """

    max_parallel: int
    pause_s: float
    timeout_s: float


@dataclasses.dataclass
class _Hand:
    """A load balancer that is worked on.

    Attributes:
        balancer: As it was seen last.
        taken_s: Since when.
        replaced: How many of its amphorae were replaced.
        failover: What is under way; ``None`` between two.
        next_look_s: When to ask how far that is.
    """

    balancer: fleet.Balancer
    taken_s: float
    replaced: int = 0
    failover: fleet.Failover | None = None
    next_look_s: float = 0.0


class Rollout:
    """A rollout.

    Args:
        octavia: The service that replaces amphorae.
        targets: What amphorae are to run, by tag.
        limits: How carefully to go.
        tell: Called with a line when a load balancer is done, is waited for, is left, or fails.
    """

    def __init__(
        self,
        octavia: amphorae.Octavia,
        targets: Mapping[str, fleet.Target],
        limits: Limits,
        tell: Callable[[str], None],
    ) -> None:
        self._octavia = octavia
        self._targets = targets
        self._limits = limits
        self._tell = tell
        self._waiting: collections.deque[fleet.Balancer] = collections.deque()
        self._hands: list[_Hand] = []
        self._quiet_until_s = 0.0
        self._problem: errors.RetrofitError | None = None

    def run(self, assessments: Iterable[fleet.Assessment]) -> errors.RetrofitError | None:
        """Bring load balancers to what is current.

        After the first that does not come back as it should, nothing further is begun; what is
        under way then is waited for.

        Args:
            assessments: How the load balancers stand.

        Returns:
            Why it was stopped; ``None`` if it was not.

        Raises:
            errors.Interrupted: A signal arrived; the message says what is still under way.
        """
        for each in fleet.queue(assessments):
            if each.state is fleet.State.BUSY:
                self._wait_for(self._take(each.balancer))
            else:
                self._waiting.append(each.balancer)
        try:
            while self._is_going():
                # One that arrived while a request failed was held back, and not raised then.
                signals.check()
                time.sleep(_TICK_S)
        except errors.Interrupted as error:
            raise self._interruption(error) from error
        return self._problem

    def _is_going(self) -> bool:
        """Look at what is under way, begin what may begin, and tell whether more is to come."""
        for hand in self._under_way():
            if time.monotonic() >= hand.next_look_s:
                self._guarded(self._look, hand)
        while self._problem is None and time.monotonic() >= self._quiet_until_s:
            ready = self._ready()
            if ready is None:
                break
            self._guarded(self._go_on, ready)
        if self._problem is None:
            return bool(self._hands or self._waiting)
        for hand in [hand for hand in self._hands if hand.failover is None]:
            self._drop(hand, f"{_replaced(hand)}, the rest is left")
        return bool(self._hands)

    def _under_way(self) -> list[_Hand]:
        return [hand for hand in self._hands if hand.failover is not None]

    def _ready(self) -> _Hand | None:
        """Return a load balancer of which an amphora may be replaced now, if there is one."""
        for hand in self._hands:
            if hand.failover is None:
                return hand
        if self._waiting and len(self._hands) < self._limits.max_parallel:
            return self._take(self._waiting.popleft())
        return None

    def _guarded(self, step: Callable[[_Hand], None], hand: _Hand) -> None:
        """Do something about a load balancer; an error stops the rollout."""
        try:
            step(hand)
        except errors.RetrofitError as error:
            self._drop(hand, f"failed: {error.message}")
            self._problem = self._problem or error

    def _go_on(self, hand: _Hand) -> None:
        """Have the next amphora of a load balancer replaced, if it still wants that."""
        seen = self._octavia.refreshed(hand.balancer)
        if seen is None:
            self._drop(hand, "was deleted in the meantime")
            return
        hand.balancer = seen
        found = fleet.assess(seen, self._targets)
        if found.state is fleet.State.OUTDATED:
            self._replace(hand, found.outdated[0])
        elif found.state is fleet.State.BUSY:
            self._wait_for(hand)
        elif found.state is not fleet.State.LEFT:
            self._finish(hand)
        elif hand.replaced:
            raise _stopped(seen, found.reason)
        else:
            self._drop(hand, f"is left: it {found.reason}")

    def _replace(self, hand: _Hand, amphora: fleet.Amphora) -> None:
        """Have an amphora replaced."""
        failover = fleet.begin(hand.balancer, amphora.id, time.monotonic())
        try:
            # Who interrupts is told what is under way.
            with signals.deferred():
                self._octavia.fail_over(amphora.id)
                hand.failover = failover
        except errors.RetrofitError:
            # The answer may be lost, or somebody else may have begun something just before.
            seen = self._octavia.refreshed(hand.balancer)
            if seen is None or seen.status != fleet.PENDING_UPDATE:
                raise
            hand.balancer = seen
            self._wait_for(hand)

    def _wait_for(self, hand: _Hand) -> None:
        """Wait for what is under way on a load balancer, whoever began it."""
        self._tell(f"{hand.balancer}: Octavia is already changing it; waiting until this ends")
        hand.failover = fleet.begin(hand.balancer, "", time.monotonic())

    def _look(self, hand: _Hand) -> None:
        """See how far a failover is."""
        failover, now_s = hand.failover, time.monotonic()
        assert failover is not None
        waited_s = now_s - failover.began_s
        hand.next_look_s = now_s + min(_SELDOMEST_LOOK_S, waited_s / 5)
        try:
            seen = self._octavia.refreshed(hand.balancer)
        except errors.Unavailable as error:
            if waited_s > self._limits.timeout_s:
                raise
            _LOG.warning("the state of load balancer %s is read again: %s", hand.balancer, error)
            return
        if seen is None:
            self._drop(hand, "was deleted in the meantime")
            return
        hand.balancer = seen
        target = self._targets[seen.tag]
        progress, reason = fleet.judge(
            failover, seen, target, now_s=now_s, timeout_s=self._limits.timeout_s
        )
        if progress is fleet.Progress.FAILED:
            raise _stopped(seen, reason)
        if progress is fleet.Progress.UNDER_WAY:
            return
        hand.failover = None
        hand.replaced += bool(failover.amphora_id)
        self._quiet_until_s = time.monotonic() + self._limits.pause_s
        if fleet.assess(seen, self._targets).state is fleet.State.CURRENT:
            self._finish(hand)

    def _take(self, balancer: fleet.Balancer) -> _Hand:
        hand = _Hand(balancer, time.monotonic())
        self._hands.append(hand)
        return hand

    def _finish(self, hand: _Hand) -> None:
        self._drop(hand, _replaced(hand) if hand.replaced else "is current")

    def _drop(self, hand: _Hand, became: str) -> None:
        """Work on a load balancer no more, and tell what became of it."""
        self._hands.remove(hand)
        self._tell(f"{hand.balancer}: {became}, {time.monotonic() - hand.taken_s:.1f} s")

    def _interruption(self, error: errors.Interrupted) -> errors.Interrupted:
        names = ", ".join(str(hand.balancer) for hand in self._under_way())
        left = f"Octavia still works on {names}" if names else "no failover is in progress"
        return errors.Interrupted(
            error.signal_number, f"interrupted; no further failover begins, {left}"
        )


def _replaced(hand: _Hand) -> str:
    return f"{hand.replaced} amphora{'e' if hand.replaced != 1 else ''} replaced"


def _stopped(balancer: fleet.Balancer, reason: str) -> errors.RolloutStopped:
    return errors.RolloutStopped(f"load balancer {balancer} {reason}", hint=_HINT)


def hindrance(seen: overview.Overview, tag: str) -> errors.RetrofitError | None:
    """Return why nothing may be rolled out; ``None`` if something may.

    Args:
        seen: What runs.
        tag: By which Octavia finds the images of load balancers whose flavors name no other.
    """
    target = seen.targets[tag]
    if not target.image_id:
        return errors.InputMissing(
            f"nothing to roll out: no image of this project has the tag {tag}",
            hint="check the tag and the project: retrofit status",
        )
    if target.problem:
        return errors.ConfigError(
            f"a new amphora {target.problem}", hint="remove its tag: retrofit status"
        )
    if seen.hindering:
        first, number = seen.hindering[0], len(seen.hindering)
        return errors.ConfigError(
            f"Octavia would use {number} spare amphorae of another image, such as {first.id}",
            hint="delete them: openstack loadbalancer amphora delete ID",
        )
    return None


def shortfall(seen: overview.Overview) -> errors.RetrofitError | None:
    """Return what a rollout has not reached; ``None`` if everything is current.

    Args:
        seen: What runs after it.
    """
    missed = seen.having(fleet.State.LEFT, fleet.State.OUTDATED, fleet.State.BUSY)
    if not missed:
        return None
    first = missed[0]
    return errors.RolloutStopped(
        f"{len(missed)} of {len(seen.assessments)} load balancers are not on a current image, "
        f"such as {first.balancer}, which {first.reason or 'has changed in the meantime'}",
        hint="fix the listed problems, and run the command again",
    )
