"""``retrofit list``: which images are defined, published and proven."""

from __future__ import annotations

import contextlib
import datetime
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import rich_click as click

from .. import model
from ..cloud import images as glance_images
from ..definitions import expansion
from ..host import tables
from ..planning import planner
from ..publishing import own_images, promotion
from . import execution, images, options


@click.command("list")
@options.definitions(required=True)
@click.option("--offline", is_flag=True, help="Only read the definitions, and use no cloud.")
@options.as_json("the list")
@options.debug
def command(*, definitions: pathlib.Path, offline: bool, as_json: bool, debug: bool) -> None:
    """List the defined images and the published image of each."""
    execution.start_logging(debug=debug)
    found = expansion.read(definitions)
    published = None if offline else _published(found)
    if as_json:
        click.echo(json.dumps(list(_as_json(found, published)), indent=2))
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    click.echo("\n".join(tables.lines(list(_rows(found, published, now)))))


def _published(found: Iterable[expansion.Image]) -> Mapping[str, glance_images.Image]:
    """Return the published image of each that there is one of, by name; each cloud is asked once.

    Raises:
        errors.RetrofitError: A cloud does not answer.
    """
    ours: dict[object, tuple[glance_images.Image, ...]] = {}
    leading = {}
    with contextlib.ExitStack() as held:
        session = planner.Session(held)
        for image in found:
            where = image.request.cloud
            if where not in ours:
                ours[where] = tuple(promotion.published(session.connect(where)))
            lead = own_images.OwnImages(own_images.Tag(image.tag), ours[where]).current
            if lead is not None:
                leading[image.name] = lead
    return leading


def _as_json(
    found: Iterable[expansion.Image], published: Mapping[str, glance_images.Image] | None
) -> Iterator[dict[str, Any]]:
    for image in found:
        shown: dict[str, Any] = {
            "name": image.name,
            "definition": image.definition,
            "release": image.run.series,
            "architecture": image.run.architecture,
            "format": image.run.image_format.value,
            "tag": image.tag,
            "labels": list(image.run.labels),
            "visibility": (image.run.visibility or model.Visibility.SHARED).value,
            "keep": image.run.keep,
            "schedule": image.schedule,
            "place": image.place,
        }
        if published is not None:
            present = published.get(image.name)
            shown["published"] = images.as_json(present) if present else None
        yield shown


def _rows(
    found: Iterable[expansion.Image],
    published: Mapping[str, glance_images.Image] | None,
    now: datetime.datetime,
) -> Iterator[tuple[str, ...]]:
    """Yield the head of the table, and a row for each image that is wanted."""
    yield (
        ("WANTED", "TAG") if published is None else ("WANTED", "TAG", "PUBLISHED", "AGE", "PROVEN")
    )
    for image in found:
        if published is None:
            yield image.name, image.tag
            continue
        present = published.get(image.name)
        if present is None:
            yield image.name, image.tag, "none", "", ""
            continue
        age, proof = tables.age(present.created_at, now), images.proof_in_short(present)
        yield image.name, image.tag, present.id, age, proof
