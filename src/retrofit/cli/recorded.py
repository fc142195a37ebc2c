"""Commands that leave their result in a file for whoever starts them, as ``retrofit run`` does."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import rich_click as click

from .. import errors, model
from . import options, reporting

_record = functools.partial(click.option, panel="Result")


def recorded(command: Callable[..., None]) -> Any:
    """Return a command that has options for a file with its result."""

    @_record(
        "--result",
        "result_file",
        metavar="FILE",
        type=options.FILE,
        help="Write the state of the run, and then its result, to this file.",
    )
    @_record(
        "--once",
        metavar="FILE",
        type=options.FILE,
        help="File with the name of the run and its trigger, if the file exists.",
    )
    @functools.wraps(command)
    def run(*, result_file: pathlib.Path | None, once: pathlib.Path | None, **given: Any) -> None:
        if result_file is None:
            command(**given)
            return
        # Late, as the other commands are loaded with it.
        from ..runs import record

        state = record.Record(result_file, reporting.Lines())
        with state.until_it_ends():
            state.name(*_asked(once))
            state.of_image_files()
            command(**given)
            state.managed()

    return run


def _asked(once: pathlib.Path | None) -> tuple[str, model.Trigger]:
    """Return the name of the run, and what began it."""
    from ..definitions import run_definition

    found = run_definition.read_object(once) if once is not None and once.exists() else {}
    try:
        trigger = model.Trigger(found.get("trigger", model.Trigger.SCHEDULE))
    except ValueError as error:
        raise errors.ConfigError(f"wrong trigger in {once}: {error}") from error
    return str(found.get("run-id", "")), trigger
