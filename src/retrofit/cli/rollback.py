"""``retrofit rollback``: back to the image that was current before."""

from __future__ import annotations

import contextlib
import json
import pathlib

import click

from . import execution, images, options


@click.command()
@options.amp_image_tag
@options.cloud
@options.work_dir
@options.as_json("the result")
@options.debug
def rollback(
    *,
    amp_image_tag: str,
    cloud: str | None,
    region: str | None,
    interface: str | None,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Make the former image the one that Octavia takes, in place of the present one.

    It is the newest that passed a proof and was current before. A second rollback goes back by
    one more.
    """
    execution.start_logging(debug=debug)
    from .. import cloud as clouds
    from ..host import locks
    from ..publishing import rollback as rollbacks
    from ..runs import results

    with contextlib.ExitStack() as held:
        held.enter_context(locks.publishing(work_dir))
        connection = clouds.connector(clouds.Options(cloud, region, interface), held)()
        done = rollbacks.rollback(connection, amp_image_tag)
        project = connection.project_id
    if not as_json:
        click.echo(
            f"{done.current.id} {done.current.name} is current again, "
            f"in place of {done.rolled_back.id} {done.rolled_back.name}"
        )
        images.warn(done.rivals)
        return
    told = {
        "tag": amp_image_tag,
        "project-id": project,
        "current": images.as_json(done.current),
        "rolled-back": images.as_json(done.rolled_back),
        "rivals": results.rivals(done.rivals),
    }
    click.echo(json.dumps(told, indent=2))
