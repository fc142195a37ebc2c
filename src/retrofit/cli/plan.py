"""``retrofit plan``: what runs would do, and why; changes nothing."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import rich_click as click

from .. import errors
from ..definitions import expansion, run_definition
from ..planning import plan, plan_files, planner, run_request
from . import execution, options


@click.command("plan")
@click.argument("requests", metavar="[REQUEST.json...]", type=options.FILE, nargs=-1)
@options.definitions()
@options.once
@options.as_json("the plan, for `retrofit run --plan`,")
@options.debug
def command(
    *,
    requests: tuple[pathlib.Path, ...],
    definitions: pathlib.Path | None,
    once: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show what `retrofit run` would do, and why.

    Give request files, or definitions. The command changes nothing.
    """
    execution.start_logging(debug=debug)
    if bool(requests) == bool(definitions):
        raise errors.UsageError(
            "plan needs either request files or --definitions, not both", hint="give one of them"
        )
    wanted = _defined(definitions, once) if definitions else _requested(requests, once)
    pinned = []
    failures: dict[str, errors.RetrofitError] = {}
    with contextlib.ExitStack() as held:
        session = planner.Session(held)
        for name, request in wanted.items():
            try:
                one = session.plan(request, session.own(request))
            except errors.RetrofitError as error:
                if len(wanted) == 1:
                    raise
                failures[name] = error
                continue
            project = session.connect(request.cloud).project_id
            pinned.append(plan_files.pin(name, one.plan, project, one.untrusted))
            if not as_json:
                click.echo("\n".join(_lines(name, one.plan)))
    if as_json:
        click.echo(plan_files.write(pinned))
    if failures:
        raise errors.Several("cannot be planned", failures, len(wanted))


def _requested(
    requests: tuple[pathlib.Path, ...], once: pathlib.Path | None
) -> dict[str, run_request.RunRequest]:
    """Return the requests of files, by the files' names."""
    found: dict[str, run_request.RunRequest] = {}
    for path in requests:
        if path.stem in found:
            raise errors.UsageError(
                f"two request files have the name {path.stem}",
                hint="a plan identifies requests by the names of their files: rename one file",
            )
        found[path.stem] = run_definition.RunDefinition.read(path, once=once).to_request()
    return found


def _defined(
    definitions: pathlib.Path, once: pathlib.Path | None
) -> dict[str, run_request.RunRequest]:
    """Return the requests of images that are defined, by their names."""
    return {image.name: image.request for image in expansion.read(definitions, once=once)}


def _lines(name: str, planned: plan.Plan) -> Iterator[str]:
    """Yield the lines about one image: what is due, and every reason with its changes."""
    yield f"{name}: {planned.summary()}"
    for reason in planned.reasons:
        weight = "" if reason.counts else " (does not count)"
        for change in reason.changes:
            before, after = change.before or "nothing", change.after or "nothing"
            yield f"  {reason.kind}{weight}: {change.name} {before} → {after}"
