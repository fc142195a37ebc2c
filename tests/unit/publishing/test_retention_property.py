"""Whatever runs, rollbacks and prunings follow one another, killed or not: what must not go stays.

The real code runs against a cloud in memory, which checks every single change.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import stateful, strategies
from tests.support.provenance import records
from tests.support.publishing import publishing
from tests.unit.publishing import cloud_fakes

from retrofit import errors
from retrofit.cloud import images
from retrofit.provenance import marks
from retrofit.publishing import image_states, promotion, prune, publish, rollback

TAGS = ("octavia-amphora", "octavia-amphora-2")
LABEL = "label"
_FILE = pathlib.Path(__file__)
_SERVICES = ("load_balancer", "compute", "block_storage")

tags = strategies.sampled_from(TAGS)
architectures = strategies.sampled_from(("x86_64", "aarch64"))
keeps = strategies.integers(min_value=0, max_value=3)
# How many changes it makes before it is killed.
lives = strategies.none() | strategies.integers(min_value=0, max_value=12)
picks = strategies.integers(min_value=0, max_value=1000)


def _is_proven(image: images.Image) -> bool:
    """Tell whether an image passed its proof, or none was wanted of it."""
    said = image.properties
    return marks.PASSED == said.get(marks.PROOF_RESULT) or said.get(marks.PROOF_DEPTH) == "off"


class Rotation(stateful.RuleBasedStateMachine):
    """One project's images, what is done with them, and who uses them."""

    def __init__(self) -> None:
        super().__init__()
        self.store = cloud_fakes.Store(self.check)
        self.proven: set[str] = set()
        self.by_others = False
        self.runs = 0
        self.clock = mock.patch.object(prune, "_now", self.tell_the_time)
        self.clock.start()

    def teardown(self) -> None:
        self.clock.stop()

    def tell_the_time(self) -> datetime.datetime:
        return self.store.now

    # What is checked.

    def check(self, before: images.Image | None, after: images.Image | None) -> None:
        """Check a change when it has been made."""
        if not self.by_others:
            assert all(image.owner == cloud_fakes.OURS for image in (before, after) if image)
            if before is not None and after is None:
                self.check_deletion(before)
        for tag in TAGS:
            taken = self.store.selected(tag)
            proven = taken is not None and _is_proven(taken)
            assert proven or tag not in self.proven, f"Octavia finds no proven image for {tag}"
            if proven:
                self.proven.add(tag)
        names = [each.name for each in self.store.images.values() if cloud_fakes.is_ours(each)]
        assert len(set(names)) == len(names), "two images have the same name"

    def check_deletion(self, image: images.Image) -> None:
        """Check that an image might be deleted."""
        assert cloud_fakes.is_ours(image), "it is somebody else's"
        assert not self.store.users.get(image.id), "it is in use"
        # Nobody uses what has no data.
        assert image.status == "queued" or not self.store.silent, "nobody knows who uses it"
        there = [image, *self.store.images.values()]
        for tag in TAGS:
            assert tag not in image.tags, "it is or was current"
            assert image.id != self.target(there, tag, image_states.architecture(image)), "target"

    def target(self, there: list[images.Image], tag: str, architecture: str) -> str | None:
        """Return what a rollback goes back to, told in another way than the code does."""
        line = [
            image
            for image in there
            if cloud_fakes.is_ours(image)
            and image.status == "active"
            and image.properties["architecture"] == architecture
        ]
        current = [
            image.created_at
            for image in line
            if tag in image.tags and marks.STATE not in image.properties
        ]
        before = [
            (not image.hidden, image.created_at, image.id)
            for image in line
            if image.properties.get(marks.AMP_IMAGE_TAG) == tag
            and image.properties.get(marks.STATE) == marks.PREVIOUS
            and image.properties.get(marks.PROOF_RESULT) == marks.PASSED
            and current
            and image.created_at < max(current)
        ]
        return max(before)[2] if before else None

    # What this project does.

    @stateful.initialize(
        theirs=strategies.booleans(),
        published=strategies.integers(min_value=0, max_value=5),
        keep=keeps,
    )
    def begin(self, theirs: bool, published: int, keep: int) -> None:
        """Have a past, in which somebody else uploaded something first."""
        tag, architecture = TAGS[0], "x86_64"
        if theirs:
            self.upload_something_else(
                cloud_fakes.THEIRS, marks.PREVIOUS, tag, architecture, hidden=True, tagged=False
            )
        for number in range(published):
            version = number % 2 + 1
            self.publish(tag, architecture, version, passes=True, keep=keep, lives=None)
        self.wait(seconds=4000)

    @stateful.rule(
        tag=tags,
        architecture=architectures,
        version=strategies.integers(min_value=1, max_value=2),
        # A proof that fails, passes, or none.
        passes=strategies.sampled_from((True, True, True, False, None)),
        keep=keeps,
        lives=lives,
    )
    def publish(
        self,
        tag: str,
        architecture: str,
        version: int,
        passes: bool | None,
        keep: int,
        lives: int | None,
    ) -> None:
        self.runs += 1
        self.wait(seconds=1)
        failing = () if passes else ("kernel",)
        proof = dataclasses.replace(publishing.proof(failing=failing), ended=self.store.now)
        description = publishing.description(
            str(version), fingerprint=f"f{self.runs}", tag=tag, architecture=architecture
        )

        def run(connection: Any) -> None:
            publish.tidy(connection, tag)
            publish.publish(
                connection,
                _FILE,
                description,
                hashes={},
                same_fingerprint=(),
                gate=publishing.Gate(None if passes is None else proof),
                reporter=publishing.Silent(),
            )
            prune.retire(connection, promotion.own(connection, tag), keep)

        self.act(run, lives)

    @stateful.rule(tag=tags, keep=keeps, lives=lives)
    def find_all_up_to_date(self, tag: str, keep: int, lives: int | None) -> None:
        def run(connection: Any) -> None:
            own = publish.tidy(connection, tag)
            prune.retire(connection, own, keep)

        self.act(run, lives)

    @stateful.rule(lives=lives)
    def change_the_tag(self, lives: int | None) -> None:
        """Give the current image another tag, where no newer one has it."""
        previous, tag = TAGS
        current, other = self.store.selected(previous), self.store.selected(tag)
        if current is None or not cloud_fakes.is_ours(current) or image_states.state(current):
            return
        if other is None or other.created_at < current.created_at:
            self.act(lambda connection: publish.retag(connection, current, tag), lives)

    @stateful.rule(tag=tags, lives=lives)
    def roll_back(self, tag: str, lives: int | None) -> None:
        self.act(lambda connection: rollback.rollback(connection, tag), lives)

    @stateful.rule(tag=tags, keep=keeps, lives=lives)
    def prune(self, tag: str, keep: int, lives: int | None) -> None:
        before = dict(self.store.images)
        self.act(lambda connection: prune.look(connection, tag, keep), None)
        assert self.store.images == before, "a look changed something"
        self.act(lambda connection: prune.prune(connection, tag, keep), lives)

    @stateful.rule(
        tag=tags,
        keep=strategies.integers(min_value=1, max_value=2),
        # When it has looked at what there is, or a little before.
        moment=strategies.integers(min_value=5, max_value=20),
        times=strategies.integers(min_value=1, max_value=3),
    )
    def prune_beside_rollbacks(self, tag: str, keep: int, moment: int, times: int) -> None:
        def roll_back() -> None:
            for _ in range(times):
                self.roll_back(tag, lives=None)

        meanwhile = [roll_back, *[lambda: None] * moment]
        client: Any = cloud_fakes.Client(self.store, meanwhile=meanwhile)
        with contextlib.suppress(errors.RetrofitError):
            prune.prune(client, tag, keep)

    def act(self, action: Callable[[Any], object], lives: int | None) -> None:
        """Do something until its end, or until it is killed."""
        with contextlib.suppress(cloud_fakes.Killed, errors.RetrofitError):
            action(cloud_fakes.Client(self.store, lives))

    # What others do.

    @stateful.rule(seconds=strategies.sampled_from((60, 1800, 4000, 90_000)))
    def wait(self, seconds: int) -> None:
        self.store.now += datetime.timedelta(seconds=seconds)

    @stateful.rule(pick=picks, service=strategies.sampled_from(_SERVICES))
    def use(self, pick: int, service: str) -> None:
        for image in self.picked(pick):
            if image.status == "active":
                self.store.users.setdefault(image.id, set()).add(service)

    @stateful.rule(pick=picks)
    def use_no_more(self, pick: int) -> None:
        for image in self.picked(pick):
            self.store.users.pop(image.id, None)

    @stateful.rule(service=strategies.sampled_from(_SERVICES))
    def fall_silent(self, service: str) -> None:
        self.store.silent ^= {service}

    @stateful.rule(pick=picks)
    def clone(self, pick: int) -> None:
        for image in self.picked(pick):
            self.store.clones ^= {image.id}

    @stateful.rule(
        pick=picks,
        change=strategies.sampled_from(
            ("protected", "hidden", "label", "tags lost", "deactivated", "state lost")
        ),
    )
    def meddle(self, pick: int, change: str) -> None:
        """Change an image by hand, but none that Octavia selects."""
        for image in self.picked(pick):
            if image in [self.store.selected(tag) for tag in TAGS]:
                continue
            said = {key: value for key, value in image.properties.items() if key != marks.STATE}
            changes: dict[str, Any] = {
                "protected": {"protected": not image.protected},
                "hidden": {"hidden": not image.hidden},
                "label": {"tags": image.tags ^ {LABEL}},
                "tags lost": {"tags": frozenset()},
                "deactivated": {"status": "deactivated"},
                "state lost": {"properties": said},
            }[change]
            if change == "deactivated" and image.status != "active":
                continue
            with self.others():
                self.store.put(dataclasses.replace(image, **changes))

    @stateful.rule(
        owner=strategies.sampled_from((cloud_fakes.OURS, cloud_fakes.THEIRS)),
        state=strategies.sampled_from(("", marks.PREVIOUS, marks.UNPROVEN, marks.FAILED)),
        tag=tags,
        architecture=architectures,
        hidden=strategies.booleans(),
        tagged=strategies.booleans(),
    )
    def upload_something_else(
        self, owner: str, state: str, tag: str, architecture: str, hidden: bool, tagged: bool
    ) -> None:
        """Upload what looks like an image of ours: of another project, or not made by us."""
        said = {marks.AMP_IMAGE_TAG: tag, "architecture": architecture, marks.STATE: state}
        theirs = owner == cloud_fakes.THEIRS
        with self.others():
            self.runs += 1
            self.wait(seconds=1)
            self.store.put(
                records.image(
                    {key: value for key, value in said.items() if value}
                    | ({marks.FINGERPRINT: f"f{self.runs}"} if theirs else {}),
                    id=f"other-{self.runs}",
                    name="amphora",
                    owner=owner,
                    hidden=hidden,
                    tags=frozenset((marks.OWN_TAG, *([tag] if theirs and tagged else []))),
                    created_at=self.store.now,
                    updated_at=self.store.now,
                )
            )

    def picked(self, pick: int) -> list[images.Image]:
        """Return one of the images, if there are any."""
        there = sorted(self.store.images.values(), key=lambda image: image.created_at)
        return [there[pick % len(there)]] if there else []

    @contextlib.contextmanager
    def others(self) -> Iterator[None]:
        """Somebody else is at work."""
        self.by_others = True
        yield
        self.by_others = False


Rotation.TestCase.settings = hypothesis.settings(
    max_examples=300, stateful_step_count=25, deadline=None
)
TestRotation = Rotation.TestCase
