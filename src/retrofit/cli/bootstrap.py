"""``retrofit bootstrap``: a bootable cloud image out of nothing but a package mirror."""

from __future__ import annotations

import pathlib

import click

from . import execution, reporting

_DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.option("--distribution", required=True, help="Such as debian.")
@click.option("--release", required=True, metavar="SERIES", help="Such as bookworm.")
@click.option(
    "--layout",
    "layout_name",
    type=click.Choice(["noble", "jammy"]),
    required=True,
    help="Partitions as in Ubuntu's image of that series: with a separate /boot, or without.",
)
@click.option("--mirror", metavar="URL", default="", help="Archive.  [default: the host's own]")
@click.option("--size", metavar="SIZE", help="Size of the disk.  [default: what the files need]")
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["qcow2", "raw"]),
    default="qcow2",
    show_default=True,
    help="Format of the image.",
)
@click.option("--architecture", default="amd64", show_default=True, help="Debian's name of it.")
@click.option("--force", is_flag=True, help="Replace OUTPUT.")
@click.option("--work-dir", type=_DIRECTORY, help="Work here.  [default: /var/tmp]")
@click.option("--debug", is_flag=True, help="Print all that is done.")
def bootstrap(
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
    """Make a bootable cloud image OUTPUT from a mirror, for tests and closed networks."""
    execution.start_logging(debug=debug)
    from .. import model
    from ..base_images.scratch import system
    from ..building import output as targets
    from ..definitions import keys
    from ..host import progress, web
    from ..host.sandbox import workshop
    from ..model import releases

    releases.check(distribution, release)
    size_bytes = keys.size(size) if size else None
    targets.check(output, force=force)

    def make(reporter: progress.Reporter) -> pathlib.Path:
        made = work / "image"
        with progress.step(reporter, "bootstrap"):
            system.bootstrap(
                made,
                distribution=distribution,
                release=release,
                architecture=architecture,
                layout_name=layout_name,
                mirror=mirror,
                access=web.Access(),
                size=size_bytes,
                image_format=model.ImageFormat(image_format),
                work=work,
            )
        return made

    with workshop.work_directory(work_dir) as work, reporting.reporter() as reporter:
        targets.deliver(workshop.run(work, make, reporter), output)
