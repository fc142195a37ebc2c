"""``retrofit history``: the last runs of the charm's service, or of another one."""

from __future__ import annotations

import json
import pathlib

import rich_click as click

from .. import errors
from ..runs import history, history_table
from . import execution, options

_CHARM = pathlib.Path("/var/lib/octavia-diskimage-retrofit")


@click.command("history")
@click.argument("file", type=options.FILE, required=False)
@options.as_json("the runs")
@options.debug
def command(*, file: pathlib.Path | None, as_json: bool, debug: bool) -> None:
    """Show the last runs of `retrofit run`, newest first.

    FILE is the history.jsonl next to the result file. Without FILE, the command reads the
    history of the charm's unit on this machine.
    """
    execution.start_logging(debug=debug)
    file = file or _of_charm()
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


def _of_charm() -> pathlib.Path:
    """Return the history of the only unit of the charm on this machine."""
    found = sorted(_CHARM.glob("*/history.jsonl"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(map(str, found))
        raise errors.UsageError("several units have a history", hint=f"name one of them: {names}")
    raise errors.InputMissing(
        f"no unit of the charm has a history in {_CHARM}",
        hint="name the history.jsonl next to the result file of a run",
    )
