"""``retrofit plan``: what runs would do, and why; changes nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .. import errors
from . import execution, options

if TYPE_CHECKING:
    from .. import plan as plans

_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("requests", metavar="REQUEST.json...", type=_FILE, nargs=-1, required=True)
@options.once
@options.as_json("the plan, for retrofit run --plan,")
@options.debug
def plan(
    *, requests: tuple[pathlib.Path, ...], once: pathlib.Path | None, as_json: bool, debug: bool
) -> None:
    """Show what retrofit run would do for each REQUEST.json, and why; change nothing."""
    execution.start_logging(debug=debug)
    from .. import cloud, definitions, pinning, planner
    from ..archives import candidates

    requests_read = {}
    for path in requests:
        if path.stem in requests_read:
            raise errors.UsageError(
                f"two requests are called {path.stem}",
                hint="a plan tells requests apart by their names: rename one of the files",
            )
        requests_read[path.stem] = definitions.RunDefinition.read(path, once=once).to_request()
    planned: dict[str, planner.Planned] = {}
    pinned = []
    inquiry = candidates.Inquiry()
    with contextlib.ExitStack() as held:
        connector = functools.cache(lambda options: cloud.connector(options, held))
        for name, request in requests_read.items():
            connect = connector(request.cloud)
            planned[name] = one = planner.plan_run(request, connect, inquiry)
            pinned.append(pinning.pin(name, one.plan, connect().project_id, one.foreign))
    if as_json:
        click.echo(json.dumps(pinning.write(pinned), indent=2))
        return
    click.echo("\n".join(line for name, one in planned.items() for line in _lines(name, one.plan)))


def _lines(name: str, planned: plans.Plan) -> Iterator[str]:
    """Yield the lines about one image: what is to be done, and every reason with its changes."""
    yield f"{name}: {planned.summary()}"
    for reason in planned.reasons:
        weight = "" if reason.counts else " (does not count)"
        for change in reason.changes:
            before, after = change.before or "nothing", change.after or "nothing"
            yield f"  {reason.kind}{weight}: {change.name} {before} → {after}"
