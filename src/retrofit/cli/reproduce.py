"""``retrofit reproduce``: whether an image is what it says, by making it again."""

from __future__ import annotations

import pathlib
import uuid

import rich_click as click

from .. import cloud, errors
from ..definitions import reproduction as requests
from ..host.sandbox import workshop
from ..planning import plan
from ..runs import reproduction
from . import build_options, execution, options, reporting, show


@click.command("reproduce")
@click.argument("image", metavar="ID", type=click.UUID)
@click.option(
    "--source",
    metavar="INPUT",
    default="",
    help="Base image, as for `retrofit image`. [default: what the image names]",
    panel="Base image",
)
@options.source_projects
@build_options.own
@build_options.proxies
@options.work_dir
@options.where
@options.debug
def command(
    variables: tuple[str, ...],
    *,
    image: uuid.UUID,
    source: str,
    work_dir: pathlib.Path | None,
    where: cloud.Options,
    debug: bool,
    **given: object,
) -> None:
    """Build an image in Glance again and compare the two.

    ID is the image, built with SOURCE_DATE_EPOCH. If the images differ, the command names the
    first file that does.
    """
    execution.start_logging(debug=debug)
    (record,) = show.records([image], where)
    told = plan.read_inputs(record.image)
    if told is None:
        raise errors.ImageError(
            f"the image {image} does not tell its inputs",
            hint="choose an image that this project published",
        )
    with (
        reporting.reporter() as reporter,
        workshop.work_directory(work_dir) as place,
    ):
        made = place / "again"
        request = requests.request(
            record,
            told,
            made,
            source=source,
            work_dir=work_dir,
            # Of what the first build left here, nothing counts.
            cache_dir=place / "cache",
            cloud=where.name,
            region=where.region,
            interface=where.interface,
            environment=options.pairs("--env", variables),
            **given,
        )
        found = reproduction.reproduce(record.image, told, request, made, reporter)
    if found:
        raise errors.ProofFailed(
            f"the image {image} ({record.image.name}) is another one when it is built again:"
            f" {found}",
            hint="its contents are not what its provenance says, or a script of it has another"
            " result each time",
        )
    click.echo(f"the image {image} ({record.image.name}) is the same, bit for bit")
