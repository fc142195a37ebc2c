"""``retrofit rollback``: the previous image becomes the current image again."""

from __future__ import annotations

import contextlib
import json
import pathlib

import rich_click as click

from .. import cloud
from ..host import locks
from ..publishing import rollback
from ..runs import results
from . import execution, images, options


@click.command("rollback")
@options.amp_image_tag
@options.where
@options.work_dir
@options.as_json("the result")
@options.debug
def command(
    *,
    amp_image_tag: str,
    where: cloud.Options,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Make the previous image the current image again.

    The previous image is the newest image that passed its proof and was current before. Another
    rollback goes back by one more image.
    """
    execution.start_logging(debug=debug)
    with contextlib.ExitStack() as held:
        held.enter_context(locks.publishing(work_dir))
        connection = cloud.connector(where, held)()
        done = rollback.rollback(connection, amp_image_tag)
        project = connection.project_id
    if not as_json:
        click.echo(
            f"{done.current.id} {done.current.name} is current again, "
            f"in place of {done.rolled_back.id} {done.rolled_back.name}"
        )
        images.warn(done.shadowing)
        return
    told = {
        "tag": amp_image_tag,
        "project-id": project,
        "current": images.as_json(done.current),
        "rolled-back": images.as_json(done.rolled_back),
        "rivals": [each.as_json() for each in results.shadowing(done.shadowing)],
    }
    click.echo(json.dumps(told, indent=2))
