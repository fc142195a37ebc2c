"""What a run would do about an image, and why: a pure decision.

The reasons are data, so the same ones serve a terminal, ``--json``, an action and a unit's status.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .. import model
from ..cloud import images
from ..model import findings
from ..model.reasons import USUAL, Action, Change, Choice, Kind, Reason
from ..provenance import marks, property_text
from ..publishing import image_states, naming, own_images
from . import fingerprint

# What of a hash and of a list of packages goes into one line.
_HASH_LENGTH = len("sha512:") + 12
_LISTED = 5


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The image that there should be.

    Attributes:
        base: What it is to be made of, with the hash of its content.
        inputs: All that decides on its content (:func:`retrofit.planning.fingerprint.inputs`).
        tag: By which Octavia finds it; empty for none.
        depth: How far it has to be proved.
        rebuild_on: The reasons that count.
        force: Whether it is to be made in any case.
        apart_from: Tags of other images that are wanted: what has one is none of this one.
        appearance: Metadata of the image: labels, visibility, properties.
    """

    base: model.BaseImage
    inputs: Mapping[str, str]
    tag: str
    depth: findings.Depth
    rebuild_on: frozenset[Choice] = frozenset(USUAL)
    force: bool = False
    apart_from: frozenset[str] = frozenset()
    appearance: naming.Appearance = naming.Appearance()  # noqa: RUF009 -- frozen

    @property
    def fingerprint(self) -> str:
        """Identity of the inputs."""
        return fingerprint.compute(self.inputs)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done about one image.

    Attributes:
        action: What.
        wanted: The image that there should be.
        reasons: Why, those first that count; without any that counts, nothing is done.
        image: The image that there is: up to date, outdated, rolled back or to be tagged.
        same_fingerprint: Identifiers of the images with the same fingerprint.
        remark: What there is to say of it where nothing is to be done.
    """

    action: Action
    wanted: Wanted
    reasons: tuple[Reason, ...]
    image: images.Image | None
    same_fingerprint: frozenset[str] = frozenset()
    remark: str = ""

    def summary(self) -> str:
        """Return in one line what is to be done, and why."""
        if self.action is Action.NONE:
            return self.remark
        why = "; ".join(reason.text for reason in self.reasons if reason.counts)
        if self.action is Action.RETAG:
            return f"{'tag' if self.reasons[0].kind is Kind.TAG else 'set'}: {why}"
        return f"build: {why}"


def decide(
    wanted: Wanted, own: own_images.OwnImages, same_fingerprint: Sequence[images.Image]
) -> Plan:
    """Decide from images alone, without asking whether there are newer packages.

    Args:
        wanted: The image that there should be.
        own: Images of this project that were made for the tag.
        same_fingerprint: Images of this project with the same fingerprint and any tag,
            newest first.
    """
    planned = _decide(wanted, own, same_fingerprint)
    return dataclasses.replace(
        planned, same_fingerprint=frozenset(image.id for image in same_fingerprint)
    )


def _decide(
    wanted: Wanted, own: own_images.OwnImages, same_fingerprint: Sequence[images.Image]
) -> Plan:
    """Decide; see :func:`decide`."""
    mark, tag = wanted.fingerprint, own.tag.certain
    current = own.current
    up_to_date = own.up_to_date(mark, wanted.depth)
    if wanted.force:
        forced = Reason(Kind.FORCED, "a new image was requested by force")
        return Plan(Action.BUILD, wanted, (forced,), up_to_date or current)
    if up_to_date is not None and (changes := tuple(_not_said(wanted.appearance, up_to_date))):
        text = f"{up_to_date.name} ({up_to_date.id}): {'; '.join(map(_told, changes))}"
        return Plan(Action.RETAG, wanted, (Reason(Kind.APPEARANCE, text, changes),), up_to_date)
    if up_to_date is not None:
        remark = f"the image is up to date: {up_to_date.name} ({up_to_date.id})"
        return Plan(Action.NONE, wanted, (), up_to_date, remark=remark)
    for refused, how in (
        (own.deactivated(mark), "is deactivated"),
        (own.rolled_back(mark), "was rolled back"),
    ):
        if refused is not None:
            remark = f"{refused.name} ({refused.id}) {how}, and its inputs have not changed since"
            return Plan(Action.NONE, wanted, (), refused, remark=remark)
    fitting = _to_be_tagged(wanted, current, same_fingerprint)
    if fitting is not None:
        text = f"{fitting.name} ({fitting.id}) has the same fingerprint, but not the tag {tag}"
        change = Change("tag", " ".join(sorted(fitting.tags)), tag)
        return Plan(Action.RETAG, wanted, (Reason(Kind.TAG, text, (change,)),), fitting)
    return _planned(wanted, current, [*_after_failure(same_fingerprint), *_since(wanted, own)])


def with_packages(planned: Plan, updates: Iterable[Change], security: Iterable[Change]) -> Plan:
    """Add what the archives have that is newer than what is in the image.

    Args:
        planned: A plan to do nothing.
        updates: Packages that are newer there.
        security: Those of a security pocket.
    """
    found = [
        Reason(kind, f"{word}: {_listed(changes)}", changes)
        for kind, word, changes in (
            (Kind.SECURITY, "security updates", tuple(security)),
            (Kind.PACKAGES, "newer packages", tuple(updates)),
        )
        if changes
    ]
    reasons = [*planned.reasons, *found]
    changed = _planned(planned.wanted, planned.image, reasons, planned.remark)
    return dataclasses.replace(changed, same_fingerprint=planned.same_fingerprint)


def _planned(
    wanted: Wanted, image: images.Image | None, reasons: Iterable[Reason], remark: str = ""
) -> Plan:
    """Return a plan to build if one of the reasons counts."""
    weighed = [
        dataclasses.replace(reason, counts=reason.kind.counts(wanted.rebuild_on))
        for reason in reasons
    ]
    weighed.sort(key=lambda reason: (not reason.counts, list(Kind).index(reason.kind)))
    counts = any(reason.counts for reason in weighed)
    if not counts and image is not None and not remark:
        passed_over = "; ".join(reason.text for reason in weighed)
        remark = f"{image.name} ({image.id}) stays; these reasons do not count: {passed_over}"
    action = Action.BUILD if counts else Action.NONE
    return Plan(action, wanted, tuple(weighed), image, remark=remark)


def _not_said(appearance: naming.Appearance, image: images.Image) -> Iterator[Change]:
    """Yield the metadata that an image should have and does not have."""
    for label in sorted(set(appearance.labels) - image.tags):
        yield Change("tag", "", label)
    visibility = appearance.visibility
    if visibility is not None and visibility != image.visibility:
        yield Change("visibility", image.visibility, visibility.value)
    for name, value in appearance.properties:
        if image.properties.get(name) != value:
            yield Change(name, image.properties.get(name, ""), value)


def _to_be_tagged(
    wanted: Wanted, current: images.Image | None, same_fingerprint: Iterable[images.Image]
) -> images.Image | None:
    """Return an image that only lacks the tag, and that Octavia would select if it had it."""
    free = (image for image in same_fingerprint if not image.tags & wanted.apart_from)
    image = image_states.published(free, wanted.depth)
    if image is None or (current is not None and current.created_at > image.created_at):
        return None
    return image


def _after_failure(same_fingerprint: Iterable[images.Image]) -> Iterator[Reason]:
    """Yield that the last image with the same fingerprint failed its proof."""
    last = next(iter(same_fingerprint), None)
    if last is not None and image_states.state(last) == marks.FAILED:
        summary = last.properties.get(marks.PROOF_SUMMARY, "")
        yield Reason(Kind.PROOF, f"the last image, {last.id}, failed its proof: {summary}")


def _since(wanted: Wanted, own: own_images.OwnImages) -> Iterator[Reason]:
    """Yield what is other than when the current image was made."""
    current = own.current
    if current is None:
        yield Reason(Kind.FIRST, f"no image of this project has the tag {own.tag.certain}")
        return
    if current.properties.get(marks.FINGERPRINT) == wanted.fingerprint:
        depth = image_states.depth(current)
        proved = f"proved to depth {depth}" if depth is not findings.Depth.OFF else "not proved"
        change = Change("depth", depth.value, wanted.depth.value)
        yield Reason(
            Kind.PROOF, f"{current.name} is {proved}, but {wanted.depth} is required", (change,)
        )
        return
    told = read_inputs(current)
    if told is None:
        yield Reason(Kind.RECIPE, f"{current.name} has no metadata about its inputs")
        return
    differences = fingerprint.differences(told, fingerprint.tell(wanted.inputs))
    for difference in differences:
        if difference.name == fingerprint.BASE:
            yield _other_base(wanted, current)
    changes = tuple(
        Change(difference.name, difference.before or "", difference.after or "")
        for difference in differences
        if difference.name != fingerprint.BASE
    )
    if changes:
        yield Reason(Kind.RECIPE, "; ".join(map(_told, changes)), changes)
    elif not differences:
        # All that an image does not tell.
        yield Reason(Kind.RECIPE, "the value of a variable changed")


def _other_base(wanted: Wanted, current: images.Image) -> Reason:
    """Return that there is another base image than the one that was used."""
    before = current.properties.get("source_version_name", "")
    after = wanted.base.version_name or wanted.base.name
    if before in ("", marks.CUSTOM) or before == after:
        # Two images of one version or name: their hashes tell them apart.
        before = current.properties.get("retrofit_source_hash", "")[:_HASH_LENGTH]
        after = wanted.base.content_hash[:_HASH_LENGTH]
    word = "newer" if wanted.base.version_name and before < after else "other"
    change = Change("base", before, after)
    return Reason(Kind.BASE, f"{word} base {before} → {after}", (change,))


def write_inputs(inputs: Mapping[str, str]) -> str:
    """Return inputs as an image is to tell them; nothing if Glance would not take so much."""
    told = json.dumps(fingerprint.tell(inputs), separators=(",", ":"))
    return told if len(told) <= property_text.MAX_LENGTH else ""


def read_inputs(image: images.Image) -> dict[str, str] | None:
    """Return the inputs that an image tells, ``None`` if it tells none that can be read."""
    try:
        told = json.loads(image.properties.get(marks.INPUTS, ""))
    except ValueError:
        return None
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        return None
    return told


def _told(change: Change) -> str:
    """Return in a few words what has changed."""
    kind, _, name = change.name.rpartition(" ")
    if not kind:
        before, after = change.before or "nothing", change.after or "nothing"
        return f"{change.name} {before} → {after}"
    if not change.before or not change.after:
        return f"{kind} {name} {'came' if change.after else 'went'}"
    # A digest says nothing to a person.
    if kind in (fingerprint.ELEMENT.strip(), fingerprint.VARIABLE.strip()):
        return f"{kind} {name} changed"
    return f"{name} {change.before} → {change.after}"


def _listed(changes: Sequence[Change]) -> str:
    """Return the first few packages, and how many more there are."""
    words = [f"{change.name} {change.before} → {change.after}" for change in changes[:_LISTED]]
    more = len(changes) - _LISTED
    return ", ".join([*words, f"{more} more"] if more > 0 else words)
