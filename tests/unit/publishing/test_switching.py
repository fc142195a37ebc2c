"""Promotions and rollbacks, killed after any change, as far as they are decided without Glance."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator

import hypothesis
from hypothesis import strategies
from tests.support.provenance import records

from retrofit.cloud import images
from retrofit.provenance import marks
from retrofit.publishing import image_states, transition

TAG = "octavia-amphora"
BOTH = frozenset((TAG, marks.OWN_TAG))
PROVEN = {marks.PROOF_RESULT: marks.PASSED, marks.PROOF_DEPTH: "boot"}
DAY = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


def _image(
    number: int, *, age_s: int = 0, tags: frozenset[str] = BOTH, **said: str
) -> images.Image:
    made = DAY - datetime.timedelta(seconds=age_s)
    return dataclasses.replace(
        records.image(said), id=f"i{number}", tags=tags, created_at=made, updated_at=made
    )


class Store:
    """Glance with one project's images for one tag; every change of an image is seen at once."""

    def __init__(self, *, existing_charm: bool) -> None:
        self._images: dict[str, images.Image] = {}
        self._numbers = itertools.count()
        self._seconds = 0
        self.had_proven = False
        if existing_charm:
            self.add(BOTH, architecture="x86_64")

    def add(self, tags: frozenset[str], *, later: bool = True, **said: str) -> images.Image:
        self._seconds += later
        image = _image(next(self._numbers), age_s=-self._seconds, tags=tags, **said)
        self.put(image)
        return image

    def put(self, image: images.Image) -> None:
        self._images[image.id] = image
        self.check()

    def own(self) -> list[images.Image]:
        # Two images of the same second are in the order of their identifiers, whatever that is.
        by_id = sorted(self._images.values(), key=lambda image: image.id, reverse=True)
        return sorted(by_id, key=lambda image: image.created_at, reverse=True)

    def selected(self) -> images.Image | None:
        """Return the image that Octavia selects."""
        return next((image for image in self.own() if TAG in image.tags), None)

    def check(self) -> None:
        taken = self.selected()
        proven = taken is not None and image_states.depth(taken).includes(
            image_states.findings.Depth.BOOT
        )
        assert proven or not self.had_proven
        self.had_proven |= proven

    def apply(self, change: transition.Change) -> None:
        # What changed is taken from the list that was read, as the real patch does.
        said = dict(self._images[change.image.id].properties) | {marks.STATE: change.state}
        said = {key: value for key, value in said.items() if value}
        self.put(
            dataclasses.replace(self._images[change.image.id], tags=change.tags, properties=said)
        )


def _settle(store: Store) -> Iterator[None]:
    for change in transition.settling(records.own(store.own())):
        store.apply(change)
        yield


def _publish(store: Store, *, passes: bool, architecture: str, later: bool) -> Iterator[None]:
    """Yield after each change, as a run makes them."""
    yield from _settle(store)
    said = {marks.FINGERPRINT: "f", "architecture": architecture}
    image = store.add(frozenset(), later=later, **said, **{marks.STATE: marks.UNPROVEN})
    yield
    if not passes:
        store.put(dataclasses.replace(image, properties=said | {marks.STATE: marks.FAILED}))
        return
    store.put(dataclasses.replace(image, tags=BOTH, properties=said | PROVEN))
    yield
    yield from _settle(store)


def _rollback(store: Store) -> Iterator[None]:
    yield from _settle(store)
    own = store.own()
    present = records.own(own).current
    if present is None or records.own(own).previous(present) is None:
        return
    store.apply(transition.withdrawal(present))
    yield
    yield from _settle(store)


RUNS = strategies.tuples(
    strategies.sampled_from(("publish", "fail", "rollback", "settle")),
    strategies.sampled_from(("x86_64", "aarch64")),
    # Whether a second has passed since the run before.
    strategies.booleans(),
    # After how many changes it is killed.
    strategies.integers(min_value=0, max_value=8),
)


@hypothesis.given(strategies.booleans(), strategies.lists(RUNS, max_size=12))
def test_whenever_runs_are_killed_octavia_takes_a_proven_image(
    existing_charm: bool, runs: list[tuple[str, str, bool, int]]
) -> None:
    store = Store(existing_charm=existing_charm)
    for kind, architecture, later, killed_after in runs:
        steps = {
            "publish": _publish(store, passes=True, architecture=architecture, later=later),
            "fail": _publish(store, passes=False, architecture=architecture, later=later),
            "rollback": _rollback(store),
            "settle": _settle(store),
        }[kind]
        for _ in itertools.islice(steps, killed_after):
            pass

    for _ in _settle(store):
        pass
    own = store.own()
    tagged = [image for image in own if TAG in image.tags]
    architectures = [image_states.architecture(image) for image in tagged]
    assert len(set(architectures)) == len(architectures)
    assert transition.settling(records.own(own)) == []
    assert records.own(own).current == (store.selected() if store.had_proven else None)


def test_a_promotion_that_was_killed_is_finished() -> None:
    present = _image(2, **PROVEN, **{marks.FINGERPRINT: "b"})
    before = _image(1, age_s=60, **PROVEN, **{marks.FINGERPRINT: "a"})
    existing_charm = _image(0, age_s=3600)

    changes = transition.settling(records.own([present, before, existing_charm]))

    own_tag = frozenset((marks.OWN_TAG,))
    assert changes == [
        transition.Change(before, own_tag, marks.PREVIOUS),
        transition.Change(existing_charm, own_tag, marks.PREVIOUS),
    ]


def test_a_rollback_that_was_killed_is_finished() -> None:
    said = {**PROVEN, marks.FINGERPRINT: "a"}
    present = _image(2, **said, **{marks.STATE: marks.ROLLED_BACK})
    own_tag = frozenset((marks.OWN_TAG,))
    before = _image(1, age_s=60, tags=own_tag, **said, **{marks.STATE: marks.PREVIOUS})

    changes = transition.settling(records.own([present, before]))

    assert changes == [
        transition.Change(before, BOTH, ""),
        transition.Change(present, own_tag, marks.ROLLED_BACK),
    ]


def test_what_the_existing_charm_made_since_is_left_alone() -> None:
    newer = _image(3)
    ours = _image(2, age_s=60, **PROVEN, **{marks.FINGERPRINT: "b"})

    assert transition.settling(records.own([newer, ours])) == []


def test_an_image_tagged_by_hand_keeps_its_state() -> None:
    ours = _image(2, **PROVEN, **{marks.FINGERPRINT: "b"})
    failed = _image(1, age_s=60, **{marks.FINGERPRINT: "a", marks.STATE: marks.FAILED})

    (change,) = transition.settling(records.own([ours, failed]))

    assert (change.image, change.state) == (failed, marks.FAILED)


def test_our_own_tag_never_moves() -> None:
    said = {**PROVEN, marks.FINGERPRINT: "a"}
    own_tag = frozenset((marks.OWN_TAG,))
    own = [_image(2, tags=own_tag, **said), _image(1, age_s=60, tags=own_tag, **said)]

    assert transition.settling(records.own(own, marks.OWN_TAG)) == []
