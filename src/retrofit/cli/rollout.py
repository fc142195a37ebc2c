"""``retrofit rollout``: amphorae that do not run the current image are replaced."""

from __future__ import annotations

import contextlib
import json
import pathlib

import rich_click as click

from .. import cloud
from ..host import locks, tables
from ..publishing import status
from ..rollout import amphorae, overview, rollout
from ..runs import fleet
from . import balancers, execution, images, options

_DAY_S = 86400


@click.command("rollout")
@options.amp_image_tag
@click.option(
    "--max-parallel",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of load balancers to work on at a time.",
)
@click.option(
    "--pause",
    metavar="SECONDS",
    type=click.IntRange(0, _DAY_S),
    default=0,
    show_default=True,
    help="Pause after each failover.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(1, _DAY_S),
    default=1800,
    show_default=True,
    help="Stop if a failover takes longer than this.",
)
@options.yes
@options.where
@options.work_dir
@options.as_json("the report")
@options.debug
def command(
    *,
    amp_image_tag: str,
    max_parallel: int,
    pause: int,
    timeout: int,
    yes: bool,
    where: cloud.Options,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Replace amphorae that do not run the current image.

    Without --yes, the command only shows these amphorae. With --yes, it replaces them by failover,
    one load balancer after another and the standby amphora first, and stops at the first load
    balancer that does not recover. You can stop the command at any time and run it again.
    """
    execution.start_logging(debug=debug)
    with contextlib.ExitStack() as held:
        if yes:
            held.enter_context(locks.rollout(work_dir))
        connection = cloud.connector(where, held)()
        found = status.status(connection, amp_image_tag, work_base=work_dir)
        fleet.check(found, amp_image_tag)
        seen = overview.look(connection, amp_image_tag, found)
        images.warn(found.shadowing)
        problem = rollout.hindrance(seen, amp_image_tag)
        if yes and problem is None:
            limits = rollout.Limits(max_parallel, pause, timeout)
            octavia = amphorae.Octavia(connection)
            work = rollout.Rollout(octavia, seen.targets, limits, _tell)
            problem = work.run(seen.assessments)
            seen = overview.look(connection, amp_image_tag, found)
            problem = problem or rollout.shortfall(seen)
        project = connection.project_id
    if as_json:
        heading = {"tag": amp_image_tag, "project-id": project, "done": yes}
        report = heading | balancers.as_json(seen) | {"balancers": balancers.details(seen)}
        click.echo(json.dumps(report, indent=2))
    else:
        for rows in (balancers.outdated(seen), balancers.images(seen)):
            click.echo("\n".join([*tables.lines(rows), ""]), nl=False)
        click.echo(balancers.answer(seen))
    if problem is not None:
        raise problem


def _tell(line: str) -> None:
    """Print the progress."""
    click.echo(line, err=True)
