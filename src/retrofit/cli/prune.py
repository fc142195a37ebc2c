"""``retrofit prune``: hide and delete images of ours that nothing needs."""

from __future__ import annotations

import contextlib
import json
import pathlib

import rich_click as click

from .. import cloud, errors
from ..host import locks, tables
from ..publishing import naming, prune
from ..publishing.retention import Action
from ..runs import results
from . import execution, options


@click.command("prune")
@options.amp_image_tag
@options.keep
@options.yes
@options.where
@options.work_dir
@options.as_json("the report")
@options.debug
def command(
    *,
    amp_image_tag: str,
    keep: int,
    yes: bool,
    where: cloud.Options,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Hide and delete images that nothing needs.

    Without --yes, the command only shows these images: images that newer images replaced, and
    what failed and killed runs left behind. It never deletes the current image, the previous
    image that a rollback selects, or an image that an amphora, a server or a volume uses.
    """
    execution.start_logging(debug=debug)
    naming.tags(amp_image_tag)
    with contextlib.ExitStack() as held:
        if yes:
            held.enter_context(locks.publishing(work_dir))
        connection = cloud.connector(where, held)()
        work = prune.prune if yes else prune.look
        pruning = work(connection, amp_image_tag, keep)
        project = connection.project_id
    if as_json:
        heading = {"tag": amp_image_tag, "project-id": project, "keep": keep, "done": yes}
        click.echo(json.dumps(heading | results.retired(pruning).as_json(), indent=2))
    else:
        click.echo("\n".join(_lines(pruning, done=yes)))
    if pruning.problem:
        raise errors.Unavailable(pruning.problem)


def _lines(pruning: prune.Pruning, *, done: bool) -> list[str]:
    """Return what is done, or would be, in lines."""
    words = {Action.HIDE: "hide", Action.DELETE: "delete", Action.KEEP: "keep"}
    if done:
        words |= {Action.HIDE: "hidden", Action.DELETE: "deleted", Action.KEEP: "kept"}
    rows = [
        (words[step.action], f"{step.image.id} {step.image.name}", step.reason)
        for step in pruning.steps
    ]
    if not rows:
        return ["nothing to prune"]
    if done or not any(step.action is not Action.KEEP for step in pruning.steps):
        return tables.lines(rows)
    return [*tables.lines(rows), "nothing was changed; use --yes to make these changes"]
