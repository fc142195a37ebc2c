"""Words about results of runs, as the engine leaves them."""

from __future__ import annotations

import datetime
import pathlib
import textwrap
from collections.abc import Callable, Collection

from retrofit import model
from retrofit.model import documents
from retrofit.model.documents import run_document
from workload import cloud_view, hints

BUSY = "a build is running already; its progress is in the unit's status"
# Of all units on the machine, of which there is mostly one.
PAUSED = "paused: no run begins by itself; run the action resume to change that"
JOURNAL = "see journalctl --unit 'octavia-diskimage-retrofit@*'"

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
# A status is a line in a table.
_WHY = 120


def read(path: pathlib.Path) -> run_document.Result | None:
    """Return the result in a file, or ``None`` if there is none that can be read.

    Raises:
        errors.NewerDocument: A newer revision has written it.
    """
    try:
        return documents.parse(run_document.Result, path.read_bytes(), path)
    except (FileNotFoundError, ValueError):
        return None


def problem(result: run_document.Result, *, journal: str = "") -> str:
    """Return what went wrong and what to do, in one line; empty if nothing did.

    Args:
        result: How the run went.
        journal: Where its log is; that of builds if it is empty.
    """
    if result.outcome.good:
        return ""
    where = f" in step {result.step}" if result.step else ""
    if result.outcome is run_document.Outcome.RUNNING:
        return f"it ended without a result{where}; {journal or JOURNAL}"
    text = result.message or f"it ended as {result.outcome}{where}"
    return hints.for_charm(f"{text}; {result.hint}" if result.hint else text)


def of_one_action(result: run_document.Result, sources: Callable[[], Collection[str]]) -> bool:
    """Tell whether a run failed for what only its action asked: another base image.

    It says nothing of the runs that the options ask for, and its action has said why.

    Args:
        result: The last run's.
        sources: Returns where base images come from as the options say.
    """
    return (
        not result.outcome.good
        and result.outcome is not run_document.Outcome.RUNNING
        and result.trigger is model.Trigger.ACTION
        and bool(result.named_source)
        and result.named_source not in sources()
    )


def progress(result: run_document.Result) -> str:
    """Return which step a run is in, what that does, and why the run was begun."""
    why = "; ".join(reason.text for reason in result.reasons)
    step = f"{result.step}: {result.doing}" if result.doing else result.step
    return f"{step} ({textwrap.shorten(why, _WHY)})" if why else step


def status(
    result: run_document.Result | None, view: cloud_view.View | None, now: datetime.datetime
) -> str:
    """Return the current image, its age, and whether Octavia selects another image.

    Args:
        result: The last run's on this unit, if it says which image is current.
        view: What the cloud has said, which may be later than that.
        now: The present.
    """
    if result is None or _outdated(result, view):
        return _seen(view, now)
    if result.image is None and not result.images:
        return "ready; no image built yet"
    notes = [*map(_shadowed, result.shadowing[:1]), *map(_not_trusted, result.untrusted[:1])]
    if result.retired is not None and result.retired.problem:
        notes.append(result.retired.problem)
    return "; ".join([_current(result, now), *notes])


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


def summary(result: run_document.Result) -> dict[str, str]:
    """Return what an action tells about an image: its ID, name, size, source and duration."""
    values = {"duration": f"{result.duration_s:.0f} s"}
    if result.image is not None:
        values |= {"image-id": result.image.id, "image-name": result.image.name}
        if result.image.size is not None:
            values["image-size"] = str(result.image.size)
    if result.source is not None:
        values["source"] = result.source.id
    return values


def _outdated(result: run_document.Result, view: cloud_view.View | None) -> bool:
    """Tell whether the cloud has another image since, which another unit has made."""
    if view is None or result.image is None or result.ended is None or result.images:
        return False
    known = {image.id for image in view.current}
    return view.asked > result.ended and bool(known) and result.image.id not in known


def _seen(view: cloud_view.View | None, now: datetime.datetime) -> str:
    """Return what is known of a cloud in which this unit has made no image."""
    if view is None or not view.current:
        return "ready; no image built yet"
    if view.defined > 1:
        return f"ready; {len(view.current)} of {view.defined} images are in Glance"
    [image] = view.current
    built = f" built {age(image.created_at, now)}" if image.created_at else ""
    return f"{image.name}{built}"


def _current(result: run_document.Result, now: datetime.datetime) -> str:
    """Return the current image and its age; of several images, the outcome of the run."""
    if result.images or result.image is None:
        ended = f", {age(result.ended, now)}" if result.ended else ""
        return f"{result.message}{ended}"
    text = result.image.name
    if result.image.created_at is not None:
        text += f" built {age(result.image.created_at, now)}"
    if result.outcome is run_document.Outcome.UP_TO_DATE and result.ended is not None:
        text += f", found up to date {age(result.ended, now)}"
    if result.outcome is run_document.Outcome.ROLLED_BACK and result.ended is not None:
        text += f", rolled back to it {age(result.ended, now)}"
    return text


def _shadowed(by: run_document.ShadowingImage) -> str:
    """Report a shadowing image, and what to do about it."""
    if not by.amp_image_owner_id:
        return f"Octavia selects image {by.id} instead: remove that image, or its tag"
    return (
        f"Octavia selects image {by.id} of another project instead: set Octavia's option "
        f"amp-image-owner-id={by.amp_image_owner_id}"
    )


def _not_trusted(untrusted: documents.UntrustedImage) -> str:
    """Report an image of an untrusted project, and what to do about it."""
    return (
        f"image {untrusted.id} of an untrusted project was not used: to trust the project, set "
        f"source-projects={untrusted.owner}"
    )
