"""``retrofit mirror``: copies of the images that image files name."""

from __future__ import annotations

import contextlib
import pathlib

import click

from . import execution, manage, options, reporting


@click.command()
@click.argument("target")
@options.image_files
@click.option("--dry-run", is_flag=True, help="Say what would be copied, and copy nothing.")
@options.ca_certificate
@options.work_dir
@options.debug
def mirror(
    *,
    target: str,
    images: pathlib.Path,
    pattern: str,
    check: bool,
    force: bool,
    dry_run: bool,
    ca_certificate: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    debug: bool,
) -> None:
    """Copy the images that files name to TARGET, a directory or s3://BUCKET/PREFIX.

    What is there is not copied again. "retrofit manage --mirror TARGET" takes images from it.
    """
    execution.start_logging(debug=debug)
    from ..image_manager import mirror as mirrors
    from ..image_manager import stores, workplace

    products = manage.read(images, check=check, force=force, pattern=pattern)
    with contextlib.ExitStack() as held:
        work = None if dry_run else held.enter_context(workplace.held(work_dir, "mirror"))
        failures = mirrors.mirror(
            products,
            stores.opened(target),
            options.access(ca_certificate),
            work,
            reporter=held.enter_context(reporting.reporter()),
            told=lambda name, url: click.echo(f"{'copy':<10}  {name}  from {url}"),
        )
    manage.fail(failures)
