"""``retrofit run``: a run from a request file to a result file, for the charm's service."""

from __future__ import annotations

import pathlib

import click

from .. import errors
from . import execution, options, reporting

_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("request", metavar="REQUEST.json", type=_FILE)
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
    required=True,
    help="Keep the state of the run here, and its result in the end.",
)
@options.debug
def run(
    *,
    request: pathlib.Path,
    once: pathlib.Path | None,
    plan_file: pathlib.Path | None,
    result_file: pathlib.Path,
    debug: bool,
) -> None:
    """Plan, and do what REQUEST.json says, for a service.

    The keys of the request and of the result are described in docs/reference/cli.md.
    """
    execution.start_logging(debug=debug)
    from .. import definitions, pinning
    from .. import run as runs
    from . import record

    state = record.Record(result_file, reporting.Lines())
    try:
        definition = definitions.RunDefinition.read(request, once=once)
        state.name(definition.run_id, definition.trigger)
        pin = pinning.read(plan_file, request.stem) if plan_file else None
        result = runs.run(definition.to_request(), state, pin=pin, on_plan=state.planned)
        state.succeed(result)
    except errors.RetrofitError as error:
        state.fail(error)
        raise
    except Exception as error:
        state.fail(execution.unexpected(error))
        raise
