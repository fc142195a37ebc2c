"""``retrofit prune``: hide and delete images of ours that nobody needs."""

from __future__ import annotations

import contextlib
import json
import pathlib
from typing import TYPE_CHECKING

import click

from .. import errors
from ..host import tables
from . import execution, options

if TYPE_CHECKING:
    from ..publishing import prune as prunes


@click.command()
@options.amp_image_tag
@options.keep
@options.yes
@options.cloud
@options.work_dir
@options.as_json("all of it")
@options.debug
def prune(
    *,
    amp_image_tag: str,
    keep: int,
    yes: bool,
    cloud: str | None,
    region: str | None,
    interface: str | None,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show which images would be hidden or deleted because nobody needs them; with --yes, do it.

    These are images that newer ones have replaced, and what failed and killed runs left. The
    current image, the one that a rollback goes back to, and what an amphora, a server or a volume
    uses is never deleted.
    """
    execution.start_logging(debug=debug)
    from .. import cloud as clouds
    from ..host import locks
    from ..publishing import naming
    from ..publishing import prune as prunes
    from ..runs import results

    naming.tags(amp_image_tag)
    with contextlib.ExitStack() as held:
        if yes:
            held.enter_context(locks.publishing(work_dir))
        connection = clouds.connector(clouds.Options(cloud, region, interface), held)()
        work = prunes.prune if yes else prunes.look
        pruning = work(connection, amp_image_tag, keep)
        project = connection.project_id
    if as_json:
        heading = {"tag": amp_image_tag, "project-id": project, "keep": keep, "done": yes}
        click.echo(json.dumps(heading | results.retired(pruning), indent=2))
    else:
        click.echo("\n".join(_lines(pruning, done=yes)))
    if pruning.problem:
        raise errors.Unavailable(pruning.problem)


def _lines(pruning: prunes.Pruning, *, done: bool) -> list[str]:
    """Return what is done, or would be, in lines."""
    from ..publishing.retention import Action

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
    return [*tables.lines(rows), "nothing was changed; --yes does it"]
