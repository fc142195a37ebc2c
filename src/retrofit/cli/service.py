"""``retrofit run``: runs from a request file or from definitions to a result file."""

from __future__ import annotations

import pathlib

import rich_click as click

from .. import errors
from ..definitions import expansion, run_definition
from ..model.documents import run_document
from ..planning import plan_files, run_request
from ..runs import many, one, record, summary
from . import execution, options, reporting


@click.command("run")
@click.argument("request", metavar="[REQUEST.json]", type=options.FILE, required=False)
@options.definitions()
@click.option(
    "--max-parallel",
    metavar="N",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Number of images to build at a time.",
)
@options.once
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=options.FILE,
    help="Do what this plan says, or fail if the plan is outdated. See `retrofit plan --json`.",
)
@click.option(
    "--result",
    "result_file",
    metavar="FILE",
    type=options.FILE,
    help="Write the state of the run, and then its result, to this file.",
)
@options.debug
def command(
    *,
    request: pathlib.Path | None,
    definitions: pathlib.Path | None,
    max_parallel: int,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
    result_file: pathlib.Path | None,
    debug: bool,
) -> int:
    """Build and publish the images that are due.

    Give a request file for one image, or definitions for several images.
    docs/reference/cli.md describes the keys of the request file and of the result file.
    """
    execution.start_logging(debug=debug)
    if definitions is not None and request is None:
        result = _defined(definitions, result_file, once, plan_file, max_parallel)
    elif request is not None and definitions is None:
        result = _requested(request, result_file, once, plan_file)
    else:
        raise errors.UsageError(
            "run needs either a request file or --definitions, not both", hint="give one of them"
        )
    if result.outcome is run_document.Outcome.UP_TO_DATE:
        execution.nothing_to_do(result.message, result.hint)
    return result.outcome.exit_code


def _requested(
    request: pathlib.Path,
    result_file: pathlib.Path | None,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
) -> run_document.Result:
    """Do a run from a request file."""
    state = record.Record(result_file, reporting.Lines())
    with state.until_it_ends():
        definition = run_definition.RunDefinition.read(request, once=once)
        _alone(request.stem, definition, definition.to_request(), state, plan_file)
    return state.result


def _defined(
    path: pathlib.Path,
    result_file: pathlib.Path | None,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
    max_parallel: int,
) -> run_document.Result:
    """Do a run for the images that are defined."""
    try:
        images = expansion.read(path, once=once)
    except errors.RetrofitError as error:
        record.Record(result_file, reporting.Lines()).fail(error)
        raise
    first = images[0]
    if len(images) == 1:
        state = record.Record(result_file, reporting.Lines())
        with state.until_it_ends():
            _alone(first.name, first.run, first.request, state, plan_file)
        return state.result
    together = summary.Summary(
        result_file, [image.name for image in images], reporting.Lines(), reporting.say
    )
    together.name(first.run.run_id, first.run.trigger)
    with together.until_it_ends():
        many.run(
            images, together, plan_file=plan_file, at_once=max_parallel, reporter=reporting.Lines
        )
    return together.result


def _alone(
    name: str,
    definition: run_definition.RunDefinition,
    request: run_request.RunRequest,
    state: record.Record,
    plan_file: pathlib.Path | None,
) -> None:
    """Do what is to be done about one image.

    Args:
        name: What a plan calls it.
        definition: The request in a person's words.
        request: The request.
        state: Keeps how it goes.
        plan_file: A plan, if nothing else is to be done.
    """
    state.name(definition.run_id, definition.trigger, name, definition.source)
    pin = plan_files.read(plan_file, name) if plan_file else None
    state.succeed(one.run(request, state, pin=pin, on_plan=state.planned))
