"""``retrofit bootstrap``: a bootable cloud image out of nothing but a package mirror."""

from __future__ import annotations

import pathlib

import rich_click as click

from .. import model
from ..base_images import bootstrap
from ..base_images.scratch import contents, shape, system
from ..base_images.scratch import recipe as recipes
from ..building import outputs
from ..definitions import keys
from ..host import progress, source_date, web
from ..host.sandbox import workshop
from ..model import releases
from . import execution, options, reporting


@click.command("bootstrap")
@click.argument("output", type=options.FILE)
@click.option(
    "--distribution", required=True, metavar="NAME", help="Distribution, such as debian."
)
@click.option("--release", required=True, metavar="SERIES", help="Release, such as bookworm.")
@click.option(
    "--layout",
    "layout_name",
    type=click.Choice(shape.LAYOUTS),
    required=True,
    help="Partitions like those of Ubuntu's image of this series: noble has a separate /boot.",
)
@click.option(
    "--mirror", metavar="URL", default="", help="Package mirror. [default: that of this machine]"
)
@click.option("--size", metavar="SIZE", help="Disk size. [default: as small as possible]")
@click.option(
    "--format",
    "image_format",
    type=options.one_of(model.ImageFormat),
    default=model.ImageFormat.QCOW2.value,
    show_default=True,
    help="Format of the image file.",
)
@click.option(
    "--architecture",
    default="amd64",
    show_default=True,
    metavar="NAME",
    help="Architecture, by Debian's name.",
)
@click.option("--force", is_flag=True, help="Overwrite OUTPUT.")
@options.work_dir
@options.debug
def command(
    *,
    output: pathlib.Path,
    distribution: str,
    release: str,
    layout_name: str,
    mirror: str,
    size: str | None,
    image_format: str,
    architecture: str,
    force: bool,
    work_dir: pathlib.Path | None,
    debug: bool,
) -> None:
    """Build a cloud image from a package mirror.

    OUTPUT is the image file. Such images are for tests and for closed networks.
    """
    execution.start_logging(debug=debug)
    releases.check(distribution, release)
    size_bytes = keys.size(size) if size else None
    system.check(distribution, layout_name, architecture)
    outputs.check(output, force=force)

    holds = contents.Contents(source_date=source_date.of_environment())
    like = shape.Shape(layout_name, size_bytes)
    recipe = recipes.Recipe(distribution, "", release, architecture, mirror, like, holds)
    identity = bootstrap.find(recipe, web.Access()).content_hash

    def make(reporter: progress.Reporter) -> pathlib.Path:
        made = work / "image"
        with progress.step(reporter, "bootstrap"):
            system.bootstrap(
                made,
                recipe,
                identity=identity,
                access=web.Access(),
                image_format=model.ImageFormat(image_format),
                work=work,
            )
        return made

    with workshop.work_directory(work_dir) as work, reporting.reporter() as reporter:
        outputs.deliver(workshop.run(work, make, reporter), output)
