"""``retrofit manage``: images of others, as files of OpenStack Image Manager say."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import rich_click as click

from .. import cloud, errors
from ..host import tables, web
from ..image_manager import (
    catalog,
    git_files,
    importing,
    inventory,
    managing,
    notices,
    presence,
    rotation,
    sharing,
    updating,
    wanted,
    workplace,
)
from . import execution, image_files, manage_options, options, recorded, reporting

_mode = functools.partial(click.option, panel="Mode")


@click.command("manage")
@recorded.recorded
@_mode(
    "--check-only",
    is_flag=True,
    help="Only check the image files, and whether the images exist at their URLs.",
)
@_mode(
    "--update-only",
    is_flag=True,
    help="Only write the newest builds at latest_url into the image files.",
)
@_mode("--list", "listing", is_flag=True, help="Only list names and logins of the images.")
@_mode("--dry-run", is_flag=True, help="Print what the command would do, and change nothing.")
@image_files.files
@manage_options.policy
@manage_options.imports
@manage_options.age_limit
@manage_options.wish
@options.where_by_cloud
@options.ca_certificate
@options.work_dir
@options.debug
def command(
    *,
    check_only: bool,
    update_only: bool,
    listing: bool,
    dry_run: bool,
    files: image_files.Files,
    policy: rotation.Policy,
    imports: manage_options.Imports,
    age_limit_days: int | None,
    wish: sharing.Wish | None,
    where: cloud.Options,
    ca_certificate: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    debug: bool,
) -> None:
    """Import, rotate and delete the images in image files.

    The files have the format of OpenStack Image Manager, see docs/reference/image-files.md.
    """
    execution.start_logging(debug=debug)
    if wish is not None:
        _share(wish, where, dry_run=dry_run)
        return
    access = options.access(ca_certificate)
    found = dataclasses.replace(files, check=files.check or check_only).read(access)
    products, skipped = found.products, found.failures()
    if listing:
        click.echo("\n".join(tables.lines(list(image_files.logins(products)))))
        image_files.fail(skipped)
        return
    if check_only:
        image_files.fail([*_nowhere(products, access), *skipped])
        return
    if update_only and git_files.is_url(files.place):
        raise errors.UsageError("--update-only cannot write the image files of a commit")
    if update_only:
        failures = updating.update(products, access, _show_version, dry_run=dry_run)
        image_files.fail([*failures, *skipped])
        return
    with contextlib.ExitStack() as held:
        connection = cloud.connector(where, held)()
        means = None
        if not dry_run:
            doing = f"manages the images with the tag {policy.tag} of this project"
            target = f"{connection.place} {policy.tag}"
            work = held.enter_context(workplace.held(work_dir, "manage", target, doing))
            means = _means(imports, access, work, held)
        task = managing.Task(policy, access, means, _show_step, imports.locate())
        failures = _fill_mirror(products, imports, access, means, work_dir)
        managed = inventory.listed(connection, policy.tag)
        failures += managing.manage(connection, managed, products, task)
        if age_limit_days is not None:
            _show_outdated(managed, products, age_limit_days)
    image_files.fail([*failures, *skipped])


def _nowhere(
    products: Sequence[catalog.Product], access: web.Access
) -> list[errors.RetrofitError]:
    """Return an error for each version that cannot be fetched."""
    asked = [wanted.of(each, version) for each in products for version in each.versions]
    return [
        notices.named(error, each.product, each.name)
        for each, error in presence.missing(asked, access)
    ]


def _fill_mirror(
    products: Sequence[catalog.Product],
    imports: manage_options.Imports,
    access: web.Access,
    means: importing.Means | None,
    work_dir: pathlib.Path | None,
) -> list[errors.RetrofitError]:
    """Copy what the mirror lacks to it, if it is to have that; say only what, without means."""
    store = imports.store()
    if store is None or imports.mirror is None:
        return []
    if means is None:
        return image_files.copy(products, store, access, None, reporting.Lines())
    with image_files.mirror_work(work_dir, imports.mirror) as work:
        return image_files.copy(products, store, access, work, means.reporter)


def _share(wish: sharing.Wish, where: cloud.Options, *, dry_run: bool) -> None:
    action = "share" if wish.add else "unshare"
    with contextlib.ExitStack() as held:
        sharing.share(
            cloud.connector(where, held)(),
            wish,
            lambda name, project: image_files.show(action, name, project),
            dry_run=dry_run,
        )


def _means(
    imports: manage_options.Imports,
    access: web.Access,
    work: pathlib.Path,
    held: contextlib.ExitStack,
) -> importing.Means:
    return importing.Means(
        access=access,
        work=work,
        prefetch=imports.prefetch,
        timeout_s=imports.timeout_s,
        retries=imports.retries,
        reporter=held.enter_context(reporting.reporter()),
        beside=reporting.Lines(),
        at_once=imports.max_parallel,
        verify=imports.verify,
    )


def _show_outdated(
    managed: inventory.Inventory, products: Sequence[catalog.Product], max_days: int
) -> None:
    for age in managing.outdated(managed, products, max_days):
        image_files.show("old", age.image.name, f"{age.days} days older than the newest build")


def _show_version(name: str, version: str) -> None:
    image_files.show("update", name, f"to version {version}")


def _show_step(step: managing.Step) -> None:
    image_files.show(step.what, step.image, step.details)
