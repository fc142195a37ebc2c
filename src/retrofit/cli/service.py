"""``retrofit run``: a run from a request file to a result file, for the charm's service."""

from __future__ import annotations

import pathlib

import click

from .. import errors
from . import execution, reporting

_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("request", metavar="REQUEST.json", type=_FILE)
@click.option(
    "--once", metavar="FILE", type=_FILE, help="Keys that are different this time, if it exists."
)
@click.option(
    "--result",
    "result_file",
    metavar="FILE",
    type=_FILE,
    required=True,
    help="Keep the state of the run here, and its result in the end.",
)
@click.option("--debug", is_flag=True, help="Print all that is done.")
def run(
    *, request: pathlib.Path, once: pathlib.Path | None, result_file: pathlib.Path, debug: bool
) -> None:
    """Do what REQUEST.json says, for a service.

    The keys of the request and of the result are described in docs/reference/cli.md.
    """
    execution.start_logging(debug=debug)
    from .. import definitions
    from .. import run as runs
    from . import record, results

    state = record.Record(result_file, reporting.Lines())
    try:
        definition = definitions.RunDefinition.read(request, once=once)
        state.name(definition.run_id, definition.trigger)
        result = runs.run(definition.to_request(), state)
    except errors.RetrofitError as error:
        state.fail(error)
        raise
    except Exception as error:
        state.fail(execution.unexpected(error))
        raise
    state.succeed(results.as_json(result))
