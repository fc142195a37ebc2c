"""``retrofit history``: the last runs of the charm's service, or of another one."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

import click

from .. import errors
from ..runs import history_table
from . import execution, options

if TYPE_CHECKING:
    pass

_CHARM = pathlib.Path("/var/lib/octavia-diskimage-retrofit/history.jsonl")


@click.command()
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=pathlib.Path), default=_CHARM, required=False
)
@options.as_json("the runs")
@options.debug
def history(*, file: pathlib.Path, as_json: bool, debug: bool) -> None:
    """Show the last runs of `retrofit run`, newest first.

    FILE is the history.jsonl beside the result file; without it that of the charm.
    """
    execution.start_logging(debug=debug)
    from ..runs import history as histories

    runs = histories.read(file)
    if not runs and not file.exists():
        raise errors.InputMissing(
            f"there is no {file}", hint="name the history.jsonl beside the result file of a run"
        )
    newest_first = runs[::-1]
    if as_json:
        print(json.dumps([run.model_dump(mode="json", by_alias=True) for run in newest_first]))
        return
    print("\n".join(history_table.table(newest_first)))
