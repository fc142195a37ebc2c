"""``retrofit manage``: images of others, as files of OpenStack Image Manager say."""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING

import click

from . import execution, options, reporting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .. import cloud, errors
    from ..image_manager import catalog, managing, sharing


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
@click.option(
    "--update-only",
    is_flag=True,
    help="Write the newest builds, of latest_url, into the files, and do nothing else.",
)
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
@click.option(
    "--mirror", metavar="TARGET", help="Take images from this mirror, where it has them."
)
@click.option(
    "--check-age", is_flag=True, help="Say which images are older than what files know of."
)
@click.option(
    "--max-age",
    metavar="DAYS",
    type=click.IntRange(min=0),
    default=90,
    show_default=True,
    help="By how much they may be older.",
)
@click.option("--share-image", metavar="IMAGE", help="Share this image, and do nothing else.")
@click.option(
    "--share-action", type=click.Choice(("add", "del")), default="add", show_default=True
)
@click.option(
    "--share-type", type=click.Choice(("project", "domain")), default="project", show_default=True
)
@click.option("--share-target", metavar="NAME", help="The project, or the domain of projects.")
@click.option(
    "--share-domain",
    metavar="NAME",
    default="default",
    show_default=True,
    help="Domain of the project.",
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
    update_only: bool,
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
    mirror: str | None,
    check_age: bool,
    max_age: int,
    share_image: str | None,
    share_action: str,
    share_type: str,
    share_target: str | None,
    share_domain: str,
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
    from ..image_manager import importing, managing, rotation, sharing, updating, workplace

    chosen = clouds.Options(cloud, region, interface)
    if share_image is not None:
        if share_target is None:
            raise click.UsageError("--share-image needs --share-target.")
        wish = sharing.Wish(
            image=share_image,
            target=share_target,
            whole_domain=share_type == "domain",
            domain=share_domain,
            add=share_action == "add",
        )
        _share(wish, chosen, dry_run=dry_run)
        return
    products = read(images, check=check or check_only, force=force, pattern=pattern)
    if check_only:
        return
    access = options.access(ca_certificate)
    if update_only:
        fail(updating.update(products, access, _tell_version, dry_run=dry_run))
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
    with contextlib.ExitStack() as held:
        means = None
        if not dry_run:
            means = importing.Means(
                access=access,
                work=held.enter_context(workplace.held(work_dir, "manage")),
                prefetch=importing.Prefetch(prefetch),
                timeout_s=import_timeout,
                retries=stuck_retry,
                reporter=held.enter_context(reporting.reporter()),
                locate=importing.location if mirror is None else _mirrored(mirror),
            )
        connection = clouds.connector(chosen, held)()
        task = managing.Task(policy, access, means, _tell)
        failures = managing.manage(connection, products, task)
        for age in managing.outdated(connection, products, tag, max_age) if check_age else ():
            click.echo(
                f"{'old':<10}  {age.image.name}  {age.days} days older than the newest build"
            )
    fail(failures)


def _share(wish: sharing.Wish, chosen: cloud.Options, *, dry_run: bool) -> None:
    from .. import cloud as clouds
    from ..image_manager import sharing

    def tell(name: str, identifier: str) -> None:
        click.echo(f"{'share' if wish.add else 'unshare':<10}  {name}  {identifier}")

    with contextlib.ExitStack() as held:
        sharing.share(clouds.connector(chosen, held)(), wish, tell, dry_run=dry_run)


def _mirrored(target: str) -> Callable[[catalog.Product, catalog.Version], str]:
    from ..image_manager import mirror, stores

    return mirror.locator(stores.opened(target))


def read(path: pathlib.Path, *, check: bool, force: bool, pattern: str) -> list[catalog.Product]:
    """Read image files; all that is wrong with them goes to standard error."""
    from .. import errors
    from ..image_manager import reading

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


def _tell_version(name: str, version: str) -> None:
    click.echo(f"{'update':<10}  {name}  to version {version}")


def _tell(step: managing.Step) -> None:
    click.echo(f"{step.what:<10}  {step.image}  {step.details}".rstrip())
