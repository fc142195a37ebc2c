"""``retrofit run``: runs from a request file or from definitions to a result file."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from .. import errors
from . import execution, options, reporting

if TYPE_CHECKING:
    from ..definitions.run_definition import RunDefinition
    from ..planning.run_request import RunRequest
    from ..runs.record import Record

_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("request", metavar="[REQUEST.json]", type=_FILE, required=False)
@options.definitions()
@click.option(
    "--max-parallel",
    metavar="NUMBER",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Make so many images of definitions at a time.",
)
@options.once
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=_FILE,
    help="Do what retrofit plan --json has printed, or say why that cannot be done any more.",
)
@click.option(
    "--result",
    "result_file",
    metavar="FILE",
    type=_FILE,
    help="Keep the state of the run here, and its result in the end.",
)
@options.debug
def run(
    *,
    request: pathlib.Path | None,
    definitions: pathlib.Path | None,
    max_parallel: int,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
    result_file: pathlib.Path | None,
    debug: bool,
) -> None:
    """Plan, and do what REQUEST.json says, or what is to be done about images that are defined.

    The keys of the request and of the result are described in docs/reference/cli.md.
    """
    execution.start_logging(debug=debug)
    if definitions is not None and request is None:
        _defined(definitions, result_file, once, plan_file, max_parallel)
    elif request is not None and definitions is None:
        _requested(request, result_file, once, plan_file)
    else:
        raise errors.UsageError(
            "there is nothing to do, or too much", hint="give a request, or --definitions"
        )


def _requested(
    request: pathlib.Path,
    result_file: pathlib.Path | None,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
) -> None:
    """Do a run from a request file."""
    from ..definitions import run_definition
    from ..runs import record

    state = record.Record(result_file, reporting.Lines())
    with state.until_it_ends():
        definition = run_definition.RunDefinition.read(request, once=once)
        _alone(request.stem, definition, definition.to_request(), state, plan_file)


def _defined(
    path: pathlib.Path,
    result_file: pathlib.Path | None,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
    max_parallel: int,
) -> None:
    """Do a run for the images that are defined."""
    from ..definitions import expansion
    from ..runs import many, record, summary

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
        return
    together = summary.Summary(
        result_file, [image.name for image in images], reporting.Lines(), reporting.say
    )
    together.name(first.run.run_id, first.run.trigger)
    with together.until_it_ends():
        many.run(
            images, together, plan_file=plan_file, at_once=max_parallel, reporter=reporting.Lines
        )


def _alone(
    name: str,
    definition: RunDefinition,
    request: RunRequest,
    state: Record,
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
    from ..planning import plan_files
    from ..runs import one

    state.name(definition.run_id, definition.trigger, name)
    pin = plan_files.read(plan_file, name) if plan_file else None
    state.succeed(one.run(request, state, pin=pin, on_plan=state.planned))
