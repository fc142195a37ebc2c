"""Runs for many images: all planned first, then those that need it made side by side."""

from __future__ import annotations

import contextlib
import functools
import pathlib
from collections.abc import Callable, Sequence

from .. import cloud, errors, recipes
from ..definitions import expansion
from ..host import locks, parallel, progress
from ..host.sandbox import workshop
from ..model import documents, reasons
from ..model.documents import plan_document, run_document
from ..planning import plan_files, planner
from ..publishing import own_images, prune, publish
from . import one, record, summary

_RESULT = "result.json"


def run(
    images: Sequence[expansion.Image],
    state: summary.Summary,
    *,
    plan_file: pathlib.Path | None,
    at_once: int,
    reporter: Callable[[str], progress.Reporter],
) -> None:
    """Plan all images, and do what is to be done about each; one that fails leaves the others.

    Other runs in the same work directories are kept out meanwhile.

    Args:
        images: The images that are wanted.
        state: Keeps how it goes.
        plan_file: A plan that holds all of them, if nothing else is to be done.
        at_once: How many are made at a time.
        reporter: Returns what is told of the steps of an image, by its name.

    Raises:
        errors.Several: Something went wrong with some images.
        errors.Busy: Another run publishes.
        errors.Interrupted: A signal arrived; nothing half-done is left.
    """
    pins = {image.name: plan_files.read(plan_file, image.name) for image in images if plan_file}
    with contextlib.ExitStack() as held:
        for base in sorted({workshop.work_base(image.request.work_base) for image in images}):
            held.enter_context(locks.publishing(base))
        place = held.enter_context(workshop.work_directory(images[0].request.work_base))
        beginning = _Beginning(planner.Session(held), place, reporter)
        due: dict[str, Callable[[], int]] = {}
        for image in images:
            pin = beginning.begin(image, pins.get(image.name))
            state.note(image.name, _state(place, image.name))
            if pin is not None:
                due[image.name] = functools.partial(_make, image, pin, place, reporter(image.name))
        for name, code in parallel.run(due, at_once=lambda: at_once):
            state.note(name, _ended(place, name, code))
    state.finish()


class _Beginning:
    """Begins with images: tidies up before them, plans, and ends with those that are up to date.

    Args:
        session: Asks the clouds and archives.
        place: Directory with a directory for each image.
        reporter: As for :func:`run`.
    """

    def __init__(
        self,
        session: planner.Session,
        place: pathlib.Path,
        reporter: Callable[[str], progress.Reporter],
    ) -> None:
        self._reporter = reporter
        self._session = session
        self._place = place
        self._tidied: set[object] = set()

    def begin(
        self, image: expansion.Image, pin: plan_document.Image | None
    ) -> plan_document.Image | None:
        """Begin with an image; return what is to be done, ``None`` if it has come to its end."""
        state = record.Record(_result(self._place, image.name), self._reporter(image.name))
        target = image.request.target.in_glance()
        try:
            with state.until_it_ends():
                connection = self._session.connect(image.request.cloud)
                own = self._tidy(image.request.cloud, connection, target.amp_image_tag)
                planned = self._session.plan(image.request, own, pin)
                state.planned(planned)
                if pin is not None:
                    plan_files.check(pin, planned.plan, connection.project_id)
                if planned.plan.action is not reasons.Action.NONE:
                    project = connection.project_id
                    return plan_files.pin(image.name, planned.plan, project, planned.untrusted)
                recipe = recipes.get(image.request.build.recipe)
                result = one.up_to_date(planned)
                state.succeed(one.conclude(connection, recipe, result, target, own))
        except errors.RetrofitError:
            # The result tells.
            pass
        return None

    def _tidy(
        self, options: cloud.Options, connection: cloud.Cloud, tag: str
    ) -> own_images.OwnImages:
        """Finish and remove what killed runs left; return the images made for the tag."""
        if options not in self._tidied:
            self._tidied.add(options)
            prune.tidy(connection)
        return publish.settle(connection, tag)


def _make(
    image: expansion.Image,
    pin: plan_document.Image,
    place: pathlib.Path,
    reporter: progress.Reporter,
) -> int:
    """Do in a process of its own what is planned for an image; return the exit code."""
    state = record.Record(_result(place, image.name), reporter)
    try:
        with state.until_it_ends():
            result = one.run(
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


def _state(place: pathlib.Path, name: str) -> run_document.Result:
    """Return how it goes with an image."""
    path = _result(place, name)
    return documents.parse(run_document.Result, path.read_bytes(), path)


def _ended(place: pathlib.Path, name: str, code: int) -> run_document.Result:
    """Return how it went with an image whose process has ended."""
    state = _state(place, name)
    if state.outcome is not run_document.Outcome.RUNNING:
        return state
    return state.model_copy(
        update={
            "outcome": run_document.Outcome.FAILED,
            "exit_code": errors.RetrofitError.exit_code,
            "message": f"its process ended with {code}, and without a result",
            "hint": "",
        }
    )
