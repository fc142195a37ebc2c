"""Makes Glance what image files say, and goes on where an earlier run was killed."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Sequence

from .. import cloud, errors
from ..cloud import images, usage
from ..host import signals, urls, web
from . import age, catalog, importing, places, rotation, upstream


@dataclasses.dataclass(frozen=True)
class Step:
    """Something that was done, or would be.

    Attributes:
        what: ``import``, ``change``, ``reactivate``, ``deactivate``, ``delete`` or ``keep``.
        image: Name of the image.
        details: What of it, in words.
    """

    what: str
    image: str
    details: str = ""


@dataclasses.dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes:
        policy: What is done beside what files say.
        access: How web servers are reached.
        means: How images are brought into Glance; ``None`` does nothing, but says what it would.
        told: Told each step, before it is done.
    """

    policy: rotation.Policy
    access: web.Access
    means: importing.Means | None
    told: Callable[[Step], None]


def manage(
    connection: cloud.Cloud, products: Iterable[catalog.Product], task: Task
) -> list[errors.RetrofitError]:
    """Import, change and remove the images of products.

    Args:
        connection: Where.
        products: What files ask for.
        task: What is to be done with it.

    Returns:
        What failed; the rest was done.
    """
    failures = []
    for product in products:
        signals.check()
        try:
            failures += _manage(connection, product, task)
        except errors.RetrofitError as error:
            failures.append(error)
    return failures


def outdated(
    connection: cloud.Cloud, products: Iterable[catalog.Product], tag: str, max_days: int
) -> list[age.Age]:
    """Return the images that are older by more than some days than what files know of."""
    managed = found(connection, tag)
    return [
        each
        for product in products
        for each in age.outdated(product, places.belonging(product, managed), max_days)
    ]


def found(connection: cloud.Cloud, tag: str) -> list[images.Image]:
    """Return all images of this project that are managed, hidden ones, too; newest first."""
    mine = [("owner", connection.project_id), ("tag", tag), ("visibility", "all")]
    hidden = connection.images([*mine, ("os_hidden", "true")])
    return [*connection.images(mine), *hidden]


def _manage(
    connection: cloud.Cloud, product: catalog.Product, task: Task
) -> list[errors.RetrofitError]:
    """Do all for one product; return what failed and kept nothing else from being done."""
    failures: list[errors.RetrofitError] = []
    own = places.belonging(product, found(connection, task.policy.tag))
    product = upstream.resolved(product, own, task.access)
    now = datetime.datetime.now(datetime.timezone.utc)
    _remove_leftovers(connection, product, own, task, now)
    for version in places.missing(product, own, latest=task.policy.latest):
        try:
            own.append(_import(connection, product, version, task, now))
        except errors.RetrofitError as error:
            failures.append(error)
    for change in rotation.changes(product, own, task.policy, now.date()):
        _apply(connection, change, task)
    # What could not be imported today may be why an old one is still needed.
    if not failures:
        _remove_unused(connection, rotation.removable(product, own, task.policy, now.date()), task)
    return failures


def _import(
    connection: cloud.Cloud,
    product: catalog.Product,
    version: catalog.Version,
    task: Task,
    now: datetime.datetime,
) -> images.Image:
    """Import a version, or return what an import would make."""
    task.told(Step("import", product.versioned(version.name), urls.shown(version.location)))
    if task.means is None:
        return rotation.simulated(product, version, task.policy, now)
    return importing.bring(connection, product, version, tag=task.policy.tag, means=task.means)


def _remove_leftovers(
    connection: cloud.Cloud,
    product: catalog.Product,
    own: Iterable[images.Image],
    task: Task,
    now: datetime.datetime,
) -> None:
    """Delete what killed runs left, but for what the next import takes over."""
    wanted = {version.id for version in product.versions} - {""}
    for image in places.leftovers(own, now):
        if image.id not in wanted:
            _remove(connection, image, task)


def _apply(connection: cloud.Cloud, change: rotation.Change, task: Task) -> None:
    """Make one change."""
    image = change.image
    if change.fields:
        details = ", ".join(f"{key}: {value}" for key, value in sorted(change.fields.items()))
        task.told(Step("change", image.name, details))
        if task.means is not None:
            connection.patch(image.id, importing.changes(change.fields))
    if change.active is not None:
        action = "reactivate" if change.active else "deactivate"
        task.told(Step(action, image.name))
        if task.means is not None:
            connection.act(image.id, action)


def _remove_unused(connection: cloud.Cloud, expired: Sequence[images.Image], task: Task) -> None:
    """Delete images that nobody uses, as far as that can be told."""
    found = usage.ask(connection, [image.id for image in expired])
    for image in expired:
        if image.id in found.users:
            task.told(Step("keep", image.name, f"{found.users[image.id]} uses it"))
        elif found.unknown:
            task.told(Step("keep", image.name, found.unknown))
        else:
            _remove(connection, image, task)


def _remove(connection: cloud.Cloud, image: images.Image, task: Task) -> None:
    """Delete an image; one that cannot be deleted now stays for the next run."""
    task.told(Step("delete", image.name, image.id))
    if task.means is None:
        return
    try:
        connection.delete(image.id)
    except errors.RetrofitError as error:
        task.told(Step("keep", image.name, f"it could not be deleted: {error.message}"))
