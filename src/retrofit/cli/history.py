"""``retrofit history``: the last runs of the charm's service, or of another one."""

from __future__ import annotations

import json
import pathlib

import rich_click as click

from .. import errors
from ..runs import history, history_table
from . import execution, options

_CHARM = pathlib.Path("/var/lib/octavia-diskimage-retrofit/history.jsonl")


@click.command("history")
@click.argument("file", type=options.FILE, default=_CHARM, required=False)
@options.as_json("the runs")
@options.debug
def command(*, file: pathlib.Path, as_json: bool, debug: bool) -> None:
    """Show the last runs of `retrofit run`, newest first.

    FILE is the history.jsonl next to the result file. Without FILE, the command reads the
    charm's history.
    """
    execution.start_logging(debug=debug)
    runs = history.read(file)
    if not runs and not file.exists():
        raise errors.InputMissing(
            f"{file} is missing", hint="name the history.jsonl next to the result file of a run"
        )
    newest_first = runs[::-1]
    if as_json:
        print(json.dumps([run.as_json() for run in newest_first]))
        return
    print("\n".join(history_table.table(newest_first)))
