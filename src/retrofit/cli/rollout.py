"""``retrofit rollout``: amphorae that run a former image are replaced."""

from __future__ import annotations

import contextlib
import json
import pathlib

import click

from ..host import tables
from . import balancers, execution, images, options

_DAY_S = 86400


@click.command()
@options.amp_image_tag
@click.option(
    "--max-parallel",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Load balancers to work on at the same time.",
)
@click.option(
    "--pause",
    metavar="SECONDS",
    type=click.IntRange(0, _DAY_S),
    default=0,
    show_default=True,
    help="Begin nothing for so long after a failover.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(1, _DAY_S),
    default=1800,
    show_default=True,
    help="Stop if a failover takes longer.",
)
@options.yes
@options.cloud
@options.work_dir
@options.as_json("the report")
@options.debug
def rollout(
    *,
    amp_image_tag: str,
    max_parallel: int,
    pause: int,
    timeout: int,
    yes: bool,
    cloud: str | None,
    region: str | None,
    interface: str | None,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show which amphorae do not run the current image; with --yes, replace them by failover.

    It goes load balancer by load balancer, the standby amphora first, and stops at the first that
    does not come back. It may be ended at any moment, and run again to go on.
    """
    execution.start_logging(debug=debug)
    from .. import cloud as clouds
    from ..host import locks
    from ..publishing import status
    from ..rollout import octavia as amphorae
    from ..rollout import overview
    from ..rollout import rollout as rollouts

    with contextlib.ExitStack() as held:
        if yes:
            held.enter_context(locks.rollout(work_dir))
        connection = clouds.connector(clouds.Options(cloud, region, interface), held)()
        found = status.status(connection, amp_image_tag, work_base=work_dir)
        seen = overview.look(connection, amp_image_tag, found)
        images.warn(found.rivals)
        problem = rollouts.hindrance(seen, amp_image_tag)
        if yes and problem is None:
            limits = rollouts.Limits(max_parallel, pause, timeout)
            octavia = amphorae.Octavia(connection)
            work = rollouts.Rollout(octavia, seen.targets, limits, _tell)
            problem = work.run(seen.assessments)
            seen = overview.look(connection, amp_image_tag, found)
            problem = problem or rollouts.shortfall(seen)
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
    """Print how far it is, as it goes."""
    click.echo(line, err=True)
