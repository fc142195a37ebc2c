"""Results of runs, as the engine leaves them, and words about them."""

from __future__ import annotations

import datetime
import pathlib
import textwrap

import pydantic

from retrofit.model import documents

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
# A status is a line in a table.
_WHY = 120


class Image(documents.Part):
    """An image in Glance; of one that failed its proof little is known."""

    id: str
    name: str
    created_at: datetime.datetime | None = None
    size: int | None = None


class ShadowingImage(documents.Part):
    """A shadowing image: Octavia selects it instead of ours.

    Attributes:
        id: Its identifier.
        amp_image_owner_id: What Octavia's option of that name has to be so that it takes ours;
            empty where the image is in the same project.
    """

    id: str
    amp_image_owner_id: str = ""


class UntrustedImage(documents.Part):
    """An image of an untrusted project that would be the base image otherwise."""

    id: str
    owner: str


class Retired(documents.Part):
    """What became of images that a newer one has replaced.

    Attributes:
        problem: What keeps them from being deleted; empty if nothing does.
    """

    problem: str = ""


class Reason(documents.Part):
    """Why a run does what it does."""

    text: str


class Source(documents.Part):
    """The base image of a run."""

    id: str
    name: str = ""
    version: str | None = None


class Step(documents.Part):
    """A step that a run has done, and its elapsed seconds."""

    name: str
    wall_s: float


class Outcome(documents.Part):
    """How it went with one of several images."""

    name: str
    outcome: str


class Result(documents.Part):
    """How a run went, or goes.

    Attributes:
        outcome: ``running``, ``published``, ``up-to-date``, ``failed`` or ``interrupted``, and
            ``rolled-back`` where an action went back to the image.
        step: Step that runs, or that it ended in.
        message: What went wrong, in one line.
        hint: What to do about it.
        ended: When it ended.
        duration_s: Elapsed seconds.
        image: What is published.
        source: The base image.
        shadowing: Shadowing images.
        retired: What became of the images that it has replaced.
        untrusted: Images of untrusted projects, which were not used as the base image.
        reasons: Why the run does what it does.
        steps: Steps done so far.
        run_id: Name that whoever asked for the run gave it.
        images: How it went with each of several images.
    """

    outcome: str
    step: str = ""
    message: str = ""
    hint: str = ""
    ended: datetime.datetime | None = None
    duration_s: float = 0
    image: Image | None = None
    source: Source | None = None
    shadowing: tuple[ShadowingImage, ...] = pydantic.Field((), alias="rivals")
    retired: Retired | None = None
    untrusted: tuple[UntrustedImage, ...] = pydantic.Field((), alias="foreign")
    reasons: tuple[Reason, ...] = ()
    steps: tuple[Step, ...] = ()
    run_id: str = ""
    images: tuple[Outcome, ...] = ()

    @pydantic.field_validator("step", "message", "hint", "run_id", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return "" if value is None else value

    @property
    def made(self) -> bool:
        """Whether there is something that was not there before."""
        return self.outcome in ("published", "tagged")

    def problem(self) -> str:
        """Return what went wrong and what to do, in one line; empty if nothing did."""
        if self.made or self.outcome in ("up-to-date", "rolled-back"):
            return ""
        if self.outcome == "running":
            return f"it ended without a result{self._where()}; {JOURNAL}"
        text = self.message or f"it ended as {self.outcome}{self._where()}"
        return f"{text}; {self.hint}" if self.hint else text

    def progress(self) -> str:
        """Return which step a run is in, and why it was begun."""
        why = "; ".join(reason.text for reason in self.reasons)
        return f"{self.step} ({textwrap.shorten(why, _WHY)})" if why else self.step

    def standing(self, now: datetime.datetime) -> str:
        """Return which image there is, since when, and whether Octavia takes another one."""
        if self.image is None and not self.images:
            return "ready; no image built yet"
        told = [*map(_shadowed, self.shadowing[:1]), *map(_not_trusted, self.untrusted[:1])]
        if self.retired is not None and self.retired.problem:
            told.append(self.retired.problem)
        return "; ".join([self._present(now), *told])

    def _present(self, now: datetime.datetime) -> str:
        """Return which image there is, and since when; of several, how it went with them."""
        if self.images or self.image is None:
            ended = f", {age(self.ended, now)}" if self.ended else ""
            return f"{self.message}{ended}"
        text = self.image.name
        if self.image.created_at is not None:
            text += f" built {age(self.image.created_at, now)}"
        if self.outcome == "up-to-date" and self.ended is not None:
            text += f", found up to date {age(self.ended, now)}"
        if self.outcome == "rolled-back" and self.ended is not None:
            text += f", rolled back to it {age(self.ended, now)}"
        return text

    def _where(self) -> str:
        return f" in step {self.step}" if self.step else ""


BUSY = "a build is running already; its progress is in the unit's status"
JOURNAL = "see journalctl --unit octavia-diskimage-retrofit"


def _shadowed(by: ShadowingImage) -> str:
    """Report a shadowing image, and what to do about it."""
    if not by.amp_image_owner_id:
        return f"Octavia selects image {by.id} instead: remove that image, or its tag"
    return (
        f"Octavia selects image {by.id} of another project instead: set Octavia's option "
        f"amp-image-owner-id={by.amp_image_owner_id}"
    )


def _not_trusted(untrusted: UntrustedImage) -> str:
    """Report an image of an untrusted project, and what to do about it."""
    return (
        f"image {untrusted.id} of an untrusted project was not used: to trust the project, set "
        f"source-projects={untrusted.owner}"
    )


def read(path: pathlib.Path) -> Result | None:
    """Return the result in a file, or ``None`` if there is none that can be read."""
    try:
        return Result.model_validate_json(path.read_bytes())
    except (FileNotFoundError, pydantic.ValidationError):
        return None


def age(then: datetime.datetime, now: datetime.datetime) -> str:
    """Return how long ago something was, such as ``2 h ago``."""
    seconds = int((now - then).total_seconds())
    if seconds < _MINUTE_S:
        return "just now"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min ago"
    if seconds < 2 * _DAY_S:
        return f"{seconds // _HOUR_S} h ago"
    return f"{seconds // _DAY_S} days ago"


def summary(result: Result) -> dict[str, str]:
    """Return what an action tells about an image: its ID, name, size, source and duration."""
    values = {"duration": f"{result.duration_s:.0f} s"}
    if result.image is not None:
        values |= {"image-id": result.image.id, "image-name": result.image.name}
        if result.image.size is not None:
            values["image-size"] = str(result.image.size)
    if result.source is not None:
        values["source"] = result.source.id
    return values
