"""``retrofit status``: which image Octavia selects, and what else has or had its tag."""

from __future__ import annotations

import contextlib
import datetime
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import rich_click as click

from .. import cloud, errors
from ..cloud import images as glance_images
from ..host import tables
from ..publishing import status, survey
from ..rollout import overview
from ..runs import fleet, results
from . import balancers, execution, images, options

# The image that Octavia selects is shown in any case, and does not wait long for the rest.
_PATIENCE_S = 20.0


@click.command("status")
@options.amp_image_tag
@options.where
@options.work_dir
@options.as_json("the report")
@options.debug
def command(
    *,
    amp_image_tag: str,
    where: cloud.Options,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Show which image Octavia selects and what amphorae run.

    The command also lists the other images that have or had the tag. If a killed run or rollback
    left a switch between two images unfinished, the command finishes it. It changes nothing else.
    """
    execution.start_logging(debug=debug)
    with contextlib.ExitStack() as held:
        connection = cloud.connector(where, held)()
        found = status.status(connection, amp_image_tag, work_base=work_dir)
        seen, unknown = _running(connection, amp_image_tag, found)
        project = connection.project_id
    if as_json:
        heading = {"tag": amp_image_tag, "project-id": project}
        running = {"unknown": unknown, **(balancers.as_json(seen) if seen else {})}
        click.echo(json.dumps(heading | _as_json(found) | {"running": running}, indent=2))
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    rows = [*_rows(found, now), *(balancers.images(seen) if seen else ())]
    answer = (
        balancers.answer(seen) if seen else f"images of load balancers are not known: {unknown}"
    )
    click.echo("\n".join([*tables.lines(rows), *images.advice(found.shadowing), answer]))


def _running(
    connection: cloud.Cloud, tag: str, found: survey.Survey
) -> tuple[overview.Overview | None, str]:
    """Return what load balancers run, or why that is not known: not every user may ask."""
    try:
        fleet.check(found, tag)
        return overview.look(connection, tag, found, patience_s=_PATIENCE_S), ""
    except errors.RetrofitError as error:
        return None, str(error)


def _as_json(found: survey.Survey) -> dict[str, Any]:
    def one(image: glance_images.Image | None) -> dict[str, Any] | None:
        return images.as_json(image) if image else None

    def many(listed: tuple[glance_images.Image, ...]) -> list[dict[str, Any]]:
        return [images.as_json(image) for image in listed]

    return {
        "taken": one(found.selected),
        "current": one(found.current),
        "former": one(found.previous),
        "rivals": [each.as_json() for each in results.shadowing(found.shadowing)],
        "failed": many(found.failed),
        "unproven": many(found.unproven),
        "rolled-back": many(found.rolled_back),
    }


def _rows(found: survey.Survey, now: datetime.datetime) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each image: what it is, identifier and name, age, and how it is proved."""

    def row(what: str, image: glance_images.Image) -> tuple[str, str, str, str]:
        return (
            what,
            f"{image.id} {image.name}",
            tables.age(image.created_at, now),
            images.proof(image),
        )

    if found.selected is None:
        yield "selected", "none: no active image has the tag", "", ""
    else:
        yield row("selected", found.selected)
    if found.current is not None and found.current != found.selected:
        yield row("current", found.current)
    if found.previous is not None:
        yield row("previous", found.previous)
    for shadowing in found.shadowing:
        name = f"{shadowing.id} {shadowing.name}"
        yield (
            "shadowing",
            name,
            tables.age(shadowing.created_at, now),
            f"{shadowing.visibility}, of {shadowing.owner}",
        )
    for what, listed in (
        ("failed", found.failed),
        ("unproven", found.unproven),
        ("rolled back", found.rolled_back),
    ):
        for image in listed:
            yield row(what, image)
