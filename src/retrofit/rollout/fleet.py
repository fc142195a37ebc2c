"""Load balancers and the amphorae that do their work: what is outdated, and what is next.

An amphora is outdated if it does not run the image that Octavia selects now for the tag of its
load balancer. Octavia replaces an amphora by failover: it makes a new machine, and deletes the old
one.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence

from ..model import vocabulary

# Octavia's words (octavia_lib/common/constants.py): provisioning statuses of load balancers …
ACTIVE, ERROR = "ACTIVE", "ERROR"
PENDING_CREATE, PENDING_UPDATE, PENDING_DELETE = (
    "PENDING_CREATE",
    "PENDING_UPDATE",
    "PENDING_DELETE",
)
# … statuses of amphorae (a spare amphora is READY), and their roles.
ALLOCATED, READY, DELETED = "ALLOCATED", "READY", "DELETED"
BACKUP, MASTER = "BACKUP", "MASTER"

# Octavia may answer from a copy of its database that lags behind the one that it changed.
_LONGEST_LAG_S = 30.0

_COMING_AND_GOING = {PENDING_CREATE: "is being created", PENDING_DELETE: "is being deleted"}


@dataclasses.dataclass(frozen=True)
class Amphora:
    """A machine that does the work of a load balancer.

    Attributes:
        id: Its identifier.
        role: ``MASTER``, ``BACKUP`` or ``STANDALONE``; empty until it has one.
        status: Such as ``ALLOCATED``.
        image_id: Identifier of the image that it runs; empty if Octavia does not say.
    """

    id: str
    role: str
    status: str
    image_id: str


@dataclasses.dataclass(frozen=True)
class Balancer:
    """A load balancer that has amphorae.

    Attributes:
        id: Its identifier.
        name: Its name, not unique.
        status: Its provisioning status, such as ``ACTIVE``.
        tag: Tag of the images of its amphorae, if its flavor names one; else empty.
        amphorae: Its amphorae, but for those that are deleted.
    """

    id: str
    name: str
    status: str
    tag: str
    amphorae: tuple[Amphora, ...]

    def __str__(self) -> str:
        # Names in a cloud are anybody's, and a terminal obeys some letters.
        name = "".join(letter if letter.isprintable() else "?" for letter in self.name)
        return f"{name} ({self.id})" if name else self.id


@dataclasses.dataclass(frozen=True)
class Fleet:
    """All that Octavia has.

    Attributes:
        balancers: Load balancers with amphorae.
        spares: Amphorae kept ready for failovers, as Octavia did up to its release Wallaby.
        flavor_tags: Tags that flavors name.
    """

    balancers: tuple[Balancer, ...]
    spares: tuple[Amphora, ...]
    flavor_tags: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Target:
    """What amphorae are to run whose images have a tag.

    Attributes:
        image_id: Identifier of the image that is current; empty if there is none.
        problem: Why amphorae cannot be brought to it; empty if they can.
    """

    image_id: str
    problem: str = ""


class State(vocabulary.Word):
    """How a load balancer stands."""

    CURRENT = "current"
    OUTDATED = "outdated"
    # Octavia changes it at this moment.
    BUSY = "busy"
    # It is outdated, or may be, and must not or cannot be touched.
    LEFT = "left"
    # It is being made, of what is current, or deleted.
    PASSING = "passing"


@dataclasses.dataclass(frozen=True)
class Assessment:
    """How a load balancer stands, and what is to be done about it.

    Attributes:
        balancer: The load balancer.
        state: How it stands.
        outdated: Its amphorae that do not run what they should, or are not known to, in the order
            of replacement.
        reason: Why it is not touched; empty if it may be.
    """

    balancer: Balancer
    state: State
    outdated: tuple[Amphora, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Failover:
    """A failover that is under way.

    Attributes:
        amphora_id: The amphora that is replaced; empty if somebody else began it.
        known: Identifiers of the load balancer's amphorae when it was seen to begin.
        began_s: When that was.
    """

    amphora_id: str
    known: frozenset[str]
    began_s: float


class Progress(enum.Enum):
    """How far a failover is."""

    UNDER_WAY = enum.auto()
    DONE = enum.auto()
    FAILED = enum.auto()


def with_tag(
    balancer: Balancer,
    default: str,
    flavor_tags: frozenset[str],
    made_for: Mapping[str, frozenset[str]],
) -> Balancer:
    """Return a load balancer with the tag that counts for it; empty if that is not known.

    Octavia does not tell its option ``amp_image_tag``. So who asks says what it is; but if a
    flavor names that tag, it may be the flavor's only, and counts where its images run already.

    Args:
        balancer: A load balancer with the tag of its flavor.
        default: What Octavia's option is said to be.
        flavor_tags: Tags that flavors name.
        made_for: Tags that images have or were made for, by identifier.
    """
    if balancer.tag:
        return balancer
    runs = any(default in made_for.get(each.image_id, ()) for each in balancer.amphorae)
    return dataclasses.replace(balancer, tag=default if runs or default not in flavor_tags else "")


def assess(balancer: Balancer, targets: Mapping[str, Target]) -> Assessment:
    """Compare what a load balancer's amphorae run with what they should.

    Args:
        balancer: The load balancer, with the tag that counts.
        targets: What amphorae are to run, by tag.
    """
    if balancer.status in _COMING_AND_GOING:
        return Assessment(balancer, State.PASSING, reason=_COMING_AND_GOING[balancer.status])
    target = targets.get(balancer.tag)
    if target is None:
        reason = "has no tag from its flavor, and the tag of Octavia is that of a flavor"
        return Assessment(balancer, State.LEFT, balancer.amphorae, reason)
    known = target.image_id
    outdated = [each for each in balancer.amphorae if not known or each.image_id != known]
    if not outdated:
        return Assessment(balancer, State.CURRENT)
    if balancer.status == PENDING_UPDATE and not target.problem:
        return Assessment(balancer, State.BUSY, tuple(outdated))
    reason = target.problem or _obstacle(balancer, outdated)
    ordered = tuple(sorted(outdated, key=_turn))
    return Assessment(balancer, State.LEFT if reason else State.OUTDATED, ordered, reason)


def queue(assessments: Iterable[Assessment]) -> list[Assessment]:
    """Return what is to be waited for or replaced, in order.

    First come load balancers on which something is under way already, then those that are half
    done, and each kind by name: who runs it again meets the same order.
    """
    places = {State.BUSY: 0, State.OUTDATED: 1}

    def place(each: Assessment) -> tuple[int, bool, str, str]:
        balancer = each.balancer
        whole = len(each.outdated) == len(balancer.amphorae)
        return places[each.state], whole, balancer.name, balancer.id

    return sorted((each for each in assessments if each.state in places), key=place)


def begin(balancer: Balancer, amphora_id: str, now_s: float) -> Failover:
    """Return the failover that begins; ``amphora_id`` is empty if somebody else began it.

    Args:
        balancer: The load balancer before it, or if somebody else began it, as it is seen first.
        amphora_id: The amphora that is replaced.
        now_s: The time.
    """
    # What boots already, as somebody else has begun, is looked at when it is done.
    known = frozenset(each.id for each in balancer.amphorae if amphora_id or each.image_id)
    return Failover(amphora_id, known, now_s)


def judge(
    failover: Failover, balancer: Balancer, target: Target, *, now_s: float, timeout_s: float
) -> tuple[Progress, str]:
    """Tell how far a failover is, and if it failed, what is wrong.

    Args:
        failover: The failover.
        balancer: Its load balancer as it is now.
        target: What amphorae are to run.
        now_s: The time.
        timeout_s: How long a failover may take.
    """
    waited_s = now_s - failover.began_s
    if balancer.status == ERROR:
        return Progress.FAILED, "did not recover: it is in ERROR"
    if balancer.status != ACTIVE:
        if waited_s < timeout_s:
            return Progress.UNDER_WAY, ""
        return (
            Progress.FAILED,
            f"did not recover: it is {balancer.status} after {waited_s:.0f} s",
        )
    present = [each for each in balancer.amphorae if each.status != PENDING_DELETE]
    if failover.amphora_id in {each.id for each in present}:
        if waited_s < min(_LONGEST_LAG_S, timeout_s):
            return Progress.UNDER_WAY, ""
        return Progress.FAILED, f"is ACTIVE, but still has amphora {failover.amphora_id}"
    for amphora in present:
        if amphora.id not in failover.known and amphora.image_id != target.image_id:
            runs = f"image {amphora.image_id}" if amphora.image_id else "an unknown image"
            return Progress.FAILED, (
                f"got amphora {amphora.id}, which runs {runs}, not the current {target.image_id}"
            )
    return Progress.DONE, ""


def hindering(spares: Sequence[Amphora], target: Target) -> list[Amphora]:
    """Return spare amphorae that a failover would use, and that run another image."""
    return [each for each in spares if each.image_id != target.image_id]


def counts(assessments: Iterable[Assessment]) -> list[tuple[str, str, bool, int]]:
    """Return how many amphorae run which image, most first.

    Returns:
        Of each image its identifier, the tag of the load balancers, whether it is current for it,
        and how many amphorae run it.
    """
    counted: collections.Counter[tuple[str, str, bool]] = collections.Counter()
    for each in assessments:
        if each.state is not State.PASSING:
            counted.update(
                (amphora.image_id, each.balancer.tag, amphora not in each.outdated)
                for amphora in each.balancer.amphorae
            )
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [(*key, number) for key, number in ordered]


def _turn(amphora: Amphora) -> tuple[int, str]:
    """Return the turn of an amphora: the standby first, while the other one does the work."""
    return {BACKUP: 0, MASTER: 2}.get(amphora.role, 1), amphora.id


def _obstacle(balancer: Balancer, outdated: Sequence[Amphora]) -> str:
    """Return what keeps a load balancer from being touched; empty for nothing."""
    if balancer.status != ACTIVE:
        return f"is in {balancer.status}"
    for amphora in balancer.amphorae:
        if amphora.status != ALLOCATED:
            return f"has amphora {amphora.id} in {amphora.status}"
    for amphora in outdated:
        if not amphora.image_id:
            return f"has amphora {amphora.id}, whose image Octavia does not report"
    return ""
