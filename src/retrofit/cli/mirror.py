"""``retrofit mirror``: copies of the images that image files name."""

from __future__ import annotations

import contextlib
import pathlib

import rich_click as click

from ..image_manager import stores, workplace
from . import execution, image_files, options, reporting


@click.command("mirror")
@click.argument("target")
@image_files.files
@click.option(
    "--dry-run", is_flag=True, help="Print what the command would copy, and copy nothing."
)
@options.ca_certificate
@options.work_dir
@options.debug
def command(
    *,
    target: str,
    files: image_files.Files,
    dry_run: bool,
    ca_certificate: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    debug: bool,
) -> None:
    """Copy the images in image files to a mirror.

    TARGET is a directory or s3://BUCKET/PREFIX. An image that the mirror already has is not
    copied again. `retrofit manage --mirror TARGET` imports images from the mirror.
    """
    execution.start_logging(debug=debug)
    access = options.access(ca_certificate)
    found = files.read(access)
    with contextlib.ExitStack() as held:
        work = None if dry_run else held.enter_context(_work(work_dir, target))
        reporter = held.enter_context(reporting.reporter())
        failures = image_files.copy(found.products, stores.opened(target), access, work, reporter)
    image_files.fail([*failures, *found.failures()])


def _work(
    base: pathlib.Path | None, target: str
) -> contextlib.AbstractContextManager[pathlib.Path]:
    """Return the work directory of a mirror, which one run at a time has."""
    return workplace.held(base, "mirror", stores.place(target), f"fills the mirror {target}")
