"""``retrofit manage``: images of others, as files of OpenStack Image Manager say."""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING

import click

from . import execution, options, reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .. import errors
    from ..manager import catalog, managing


@click.command()
@options.image_files
@click.option(
    "--tag",
    default="managed_by_osism",
    show_default=True,
    help="Tag of the images that are managed; no others are touched.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--check-only", is_flag=True, help="Check the files, and do nothing.")
@click.option("--latest", is_flag=True, help="Import only the newest version of each image.")
@click.option("--keep", is_flag=True, help="Keep versions without rotation that files dropped.")
@click.option("--hide", is_flag=True, help="Give superseded images to the community.")
@click.option("--deactivate", is_flag=True, help="Deactivate images that may be deleted.")
@click.option("--delete", is_flag=True, help="Delete images that may be, with the next option.")
@click.option("--yes-i-really-know-what-i-do", "really", is_flag=True, help="Really delete them.")
@click.option("--use-os-hidden", is_flag=True, help="Hide superseded images from lists.")
@click.option(
    "--import-timeout",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    default=1800,
    show_default=True,
    help="Time for the import of an image.",
)
@click.option(
    "--stuck-retry",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Try an import by URL that is stuck again.",
)
@click.option(
    "--prefetch",
    type=click.Choice(("never", "on-stuck", "always")),
    default="on-stuck",
    show_default=True,
    help="When to fetch images here and upload them.",
)
@options.cloud
@options.ca_certificate
@options.work_dir
@options.debug
def manage(
    *,
    images: pathlib.Path,
    pattern: str,
    check: bool,
    force: bool,
    tag: str,
    dry_run: bool,
    check_only: bool,
    latest: bool,
    keep: bool,
    hide: bool,
    deactivate: bool,
    delete: bool,
    really: bool,
    use_os_hidden: bool,
    import_timeout: int,
    stuck_retry: int,
    prefetch: str,
    cloud: str | None,
    region: str | None,
    interface: str | None,
    ca_certificate: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    debug: bool,
) -> None:
    """Import, rotate and remove images as the files in a directory say.

    The files are those of OpenStack Image Manager, docs/reference/image-files.md.
    """
    execution.start_logging(debug=debug)
    from .. import cloud as clouds
    from .. import lock
    from ..manager import importing, managing, rotation
    from ..sandbox import workshop

    products = read(images, check=check or check_only, force=force, pattern=pattern)
    if check_only:
        return
    policy = rotation.Policy(
        tag=tag,
        latest=latest,
        keep=keep,
        hide=hide,
        deactivate=deactivate,
        delete=delete and really,
        use_os_hidden=use_os_hidden,
    )
    access = options.access(ca_certificate)
    with contextlib.ExitStack() as held:
        means = None
        if not dry_run:
            held.enter_context(lock.publishing(work_dir))
            means = importing.Means(
                access=access,
                work=held.enter_context(workshop.work_directory(work_dir)),
                prefetch=importing.Prefetch(prefetch),
                timeout_s=import_timeout,
                retries=stuck_retry,
                reporter=held.enter_context(reporting.reporter()),
            )
        connection = clouds.connector(clouds.Options(cloud, region, interface), held)()
        task = managing.Task(policy, access, means, _tell)
        failures = managing.manage(connection, products, task)
    fail(failures)


def read(path: pathlib.Path, *, check: bool, force: bool, pattern: str) -> list[catalog.Product]:
    """Read image files; all that is wrong with them goes to standard error."""
    from .. import errors
    from ..manager import reading

    try:
        return reading.read(path, check=check, force=force, pattern=pattern)
    except errors.ConfigError as error:
        for line in (error.message, *error.details) if error.details else ():
            click.echo(line, err=True)
        raise


def fail(failures: Sequence[errors.RetrofitError]) -> None:
    """Say what failed, and end with the exit code of the first."""
    for failure in failures[1:]:
        click.echo(f"error: {failure}", err=True)
    if failures:
        raise failures[0]


def _tell(step: managing.Step) -> None:
    click.echo(f"{step.what:<10}  {step.image}  {step.details}".rstrip())
