"""How a run went, or goes: the result file, and a line of the history.

docs/reference/cli.md describes the keys.
"""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import pydantic

from .. import Release, Trigger, vocabulary
from . import Document, Part, Time, UntrustedImage

# Exit code of a run that found the image that is wanted.
NOTHING_TO_DO = 3


class Outcome(vocabulary.Word):
    """What came of a run."""

    # Of one of several images: its turn has not come.
    WAITING = "waiting"
    RUNNING = "running"
    PUBLISHED = "published"
    # An image that was there got the tag.
    TAGGED = "tagged"
    UP_TO_DATE = "up-to-date"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    # A power cut or the kernel ended the run: it could not say so itself.
    LOST = "lost"
    # Of image files: the images are as they say.
    MANAGED = "managed"
    # No run: an action went back to the image.
    ROLLED_BACK = "rolled-back"

    @property
    def made(self) -> bool:
        """Whether there is something that was not there before."""
        return self in (Outcome.PUBLISHED, Outcome.TAGGED)

    @property
    def exit_code(self) -> int:
        """Exit code of a run that ended well so."""
        return NOTHING_TO_DO if self is Outcome.UP_TO_DATE else 0

    @property
    def good(self) -> bool:
        """Whether the image that is wanted is there."""
        return self.made or self in (Outcome.UP_TO_DATE, Outcome.MANAGED, Outcome.ROLLED_BACK)


class Named(Part):
    """An image: its identifier, empty of one that is not in Glance, and its name."""

    id: str = ""
    name: str = ""


class Image(Named):
    """An image that a run made or found; what is not known of it is not written.

    Attributes:
        image: Its file, if it is one.
        image_format: Its format.
        virtual_size: Size of the disk in bytes.
        size: Size of the image in bytes.
        sha256: Hash of the content, hexadecimal.
        sha512: Hash of the content, hexadecimal.
        release: What runs in it.
        elements: Names of the elements that were applied.
        content_hash: Algorithm and digest as Glance has them.
        tags: Its tags.
        created_at: When it was registered in Glance.
    """

    image: pathlib.Path | None = None
    image_format: str = ""
    virtual_size: int | None = None
    size: int | None = None
    sha256: str = ""
    sha512: str = ""
    release: Release | None = None
    elements: tuple[str, ...] = ()
    content_hash: str = ""
    tags: tuple[str, ...] = ()
    created_at: Time | None = None

    @pydantic.model_serializer(mode="wrap")
    def _known(self, write: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        known = {
            *self.model_fields_set,
            *(name.replace("_", "-") for name in self.model_fields_set),
        }
        return {name: value for name, value in write(self).items() if name in known}


class Source(Part):
    """The base image of a run, as :class:`retrofit.model.BaseImage`."""

    id: str
    name: str = ""
    size: int = 0
    content_hash: str = ""
    product_name: str = ""
    version_name: str = ""
    os_distro: str = ""
    os_version: str = ""
    architecture: str = ""


class ShadowingImage(Part):
    """A shadowing image: Octavia selects it instead of ours.

    Attributes:
        id: Its identifier.
        name: Its name.
        owner: Identifier of its project.
        visibility: Why it is seen: ``public``, ``shared``, …
        created_at: When it was registered.
        amp_image_owner_id: What Octavia's option of that name has to be so that it selects ours;
            empty where the image is in the same project.
    """

    id: str
    name: str = ""
    owner: str = ""
    visibility: str = ""
    created_at: Time | None = None
    amp_image_owner_id: str = ""


class Retirement(Named):
    """What became of one image, and why."""

    reason: str


class Retired(Part):
    """What became of images that newer ones have replaced.

    Attributes:
        hidden: Those that were hidden.
        deleted: Those that were deleted.
        kept: Those beyond the number to keep that stay.
        problem: What keeps images from being deleted; empty if nothing does.
    """

    hidden: tuple[Retirement, ...] = ()
    deleted: tuple[Retirement, ...] = ()
    kept: tuple[Retirement, ...] = ()
    problem: str = ""


class Reason(Part):
    """Why a run does what it does; a kind of :class:`retrofit.model.reasons.Kind`."""

    kind: str = ""
    text: str


class Step(Part):
    """What a step of a run cost, as :class:`retrofit.model.StepRecord`."""

    name: str
    wall_s: float
    cpu_s: float = 0
    peak_memory: int = 0
    peak_disk: int = 0


class Run(Document):
    """What result and history say of a run.

    Attributes:
        run_id: Name that whoever asked for the run gave it.
        trigger: What began it.
        outcome: What came of it.
        exit_code: Its exit code; ``None`` while it runs, or if it was lost.
        started: When it began.
        ended: When it ended, if that is known.
        duration_s: Elapsed seconds, as far as they are known.
        step: The step that runs, or in which it ended.
        message: What went wrong, in one line.
        hint: What to do about it.
        image: The image that it made or found.
        reasons: Why it does what it does.
    """

    # Version 2 has its number, and of each of several images a whole result.
    version: int = 2
    run_id: str = ""
    trigger: Trigger = Trigger.SCHEDULE
    outcome: Outcome
    exit_code: int | None = None
    started: Time | None = None
    ended: Time | None = None
    duration_s: float = 0
    step: str = ""
    message: str = ""
    hint: str = ""
    image: Named | None = None
    reasons: tuple[Reason, ...] = ()


class Result(Run):
    """The result file.

    Attributes:
        name: What the only image is called; empty for several.
        named_source: Where the only image's base image was to come from, as the request says.
        doing: What the step does, or did a moment ago, while it runs.
        details: The last lines of what failed.
        source: The base image.
        untrusted: Images of untrusted projects that were not used as the base image.
        proof: How the image was proved (:func:`retrofit.model.findings.as_json`).
        shadowing: Shadowing images.
        retired: What became of the images that newer ones have replaced.
        steps: What the steps cost that are done.
        images: How it went with each of several images.
    """

    name: str = ""
    named_source: str = ""
    doing: str = ""
    details: tuple[str, ...] = ()
    source: Source | None = None
    untrusted: tuple[UntrustedImage, ...] = pydantic.Field((), alias="foreign")
    image: Image | None = None
    proof: dict[str, Any] | None = None
    shadowing: tuple[ShadowingImage, ...] = pydantic.Field((), alias="rivals")
    retired: Retired | None = None
    steps: tuple[Step, ...] = ()
    images: tuple[Result, ...] = ()


class Entry(Run):
    """A line of the history: a run that ended."""

    started: Time

    @property
    def failed(self) -> bool:
        """Whether it ended neither with an image nor with nothing to do."""
        return not self.outcome.good

    @property
    def end(self) -> datetime.datetime:
        """When it ended; of one that could not say so, when it was last heard of."""
        return self.ended or self.started + datetime.timedelta(seconds=self.duration_s)

    @property
    def why(self) -> str:
        """What went wrong and what to do, or else why the run did what it did; in one line."""
        if self.failed:
            return f"{self.message}; {self.hint}" if self.hint else self.message
        return "; ".join(reason.text for reason in self.reasons)
