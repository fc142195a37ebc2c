"""Runs for many images: all planned first, then those that need it made side by side."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from .. import errors, lock, parallel, pinning, plan, planner, prune, publish, wanted
from .. import requested as requests
from .. import run as runs
from ..sandbox import workshop
from . import record, reporting, summary

_RESULT = "result.json"


def run(
    images: Sequence[wanted.Image],
    state: summary.Summary,
    *,
    plan_file: pathlib.Path | None,
    at_once: int,
) -> None:
    """Plan all images, and do what is to be done about each; one that fails leaves the others.

    Other runs in the same work directories are kept out meanwhile.

    Args:
        images: The images that are wanted.
        state: Keeps how it goes.
        plan_file: A plan that holds all of them, if nothing else is to be done.
        at_once: How many are made at a time.

    Raises:
        errors.UpToDate: Nothing was to be done.
        errors.Several: Something went wrong with some images.
        errors.Busy: Another run publishes.
        errors.Interrupted: A signal arrived; nothing half-done is left.
    """
    pins = {image.name: pinning.read(plan_file, image.name) for image in images if plan_file}
    with contextlib.ExitStack() as held:
        for base in sorted({workshop.work_base(image.request.work_base) for image in images}):
            held.enter_context(lock.publishing(base))
        place = held.enter_context(workshop.work_directory(images[0].request.work_base))
        planning = _Planning(planner.Session(held), place)
        due: dict[str, Callable[[], int]] = {}
        for image in images:
            pin = planning.plan(image, pins.get(image.name))
            state.note(image.name, _state(place, image.name))
            if pin is not None:
                due[image.name] = functools.partial(_make, image, pin, place)
        for name, code in parallel.run(due, at_once=at_once):
            state.note(name, _ended(place, name, code))
    state.finish()


class _Planning:
    """Plans images, each in a directory of its own.

    Args:
        session: Asks the clouds and archives.
        place: Directory of those directories.
    """

    def __init__(self, session: planner.Session, place: pathlib.Path) -> None:
        self._session = session
        self._place = place
        self._tidied: set[object] = set()

    def plan(self, image: wanted.Image, pin: pinning.Image | None) -> pinning.Image | None:
        """Plan an image; return what is to be done, ``None`` if it has come to its end."""
        state = record.Record(_result(self._place, image.name), reporting.Lines(image.name))
        try:
            with state.until_it_ends():
                return self._planned(image, pin, state)
        except errors.RetrofitError:
            return None

    def _planned(
        self, image: wanted.Image, pin: pinning.Image | None, state: record.Record
    ) -> pinning.Image:
        request = image.request
        target = request.target
        assert isinstance(target, requests.GlanceTarget)
        connection = self._session.connect(request.cloud)
        if request.cloud not in self._tidied:
            self._tidied.add(request.cloud)
            prune.tidy(connection)
        tag = target.amp_image_tag
        own = publish.settle(connection, tag) if tag else None
        planned = self._session.plan(request, own, pin)
        state.planned(planned)
        if pin is not None:
            pinning.check(pin, planned.plan, connection.project_id)
        if planned.plan.action is plan.Action.NONE:
            raise runs.nothing_to_do(connection, planned.plan, target, own)
        return pinning.pin(image.name, planned.plan, connection.project_id, planned.foreign)


def _make(image: wanted.Image, pin: pinning.Image, place: pathlib.Path) -> int:
    """Do in a process of its own what is planned for an image; return the exit code."""
    state = record.Record(_result(place, image.name), reporting.Lines(image.name))
    try:
        with state.until_it_ends():
            result = runs.run(
                image.request, state, pin=pin, on_plan=state.planned, turns=place / "turns"
            )
            state.succeed(result)
    except (errors.RetrofitError, errors.Interrupted) as error:
        return error.exit_code
    return 0


def _result(place: pathlib.Path, name: str) -> pathlib.Path:
    """Return the result file of an image."""
    directory = place / name
    directory.mkdir(exist_ok=True)
    return directory / _RESULT


def _state(place: pathlib.Path, name: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(_result(place, name).read_bytes())
    return state


def _ended(place: pathlib.Path, name: str, code: int) -> dict[str, Any]:
    """Return the state of an image whose process has ended."""
    state = _state(place, name)
    if state["outcome"] != "running":
        return state
    message = f"its process ended with {code}, and without a result"
    return state | {"outcome": "failed", "exit-code": 70, "message": message, "hint": ""}
