"""Makes Glance what image files say, and goes on where an earlier run was killed."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Sequence

from .. import cloud, errors
from ..cloud import images, usage
from ..host import signals, urls, web
from . import age, catalog, importing, inventory, notices, places, rotation, upstream


@dataclasses.dataclass(frozen=True)
class Step:
    """Something that was done, or would be.

    Attributes:
        what: ``import``, ``change``, ``reactivate``, ``deactivate``, ``delete`` or ``keep``.
        image: Name of the image after this run.
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
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    products: Iterable[catalog.Product],
    task: Task,
) -> list[errors.RetrofitError]:
    """Import, change and remove the images of products.

    Args:
        connection: Where.
        managed: The images that are managed there, which are kept current.
        products: What files ask for.
        task: What is to be done with it.

    Returns:
        What failed; the rest was done.
    """
    failures = []
    for product in products:
        signals.check()
        try:
            failures += _manage(connection, managed, product, task)
        except errors.RetrofitError as error:
            failures.append(notices.named(error, product, product.name))
    return failures


def outdated(
    managed: inventory.Inventory, products: Iterable[catalog.Product], max_days: int
) -> list[age.Age]:
    """Return the images that are older by more than some days than what files know of."""
    return [
        each
        for product in products
        for each in age.outdated(product, managed.of(product), max_days)
    ]


def _manage(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    product: catalog.Product,
    task: Task,
) -> list[errors.RetrofitError]:
    """Do all for one product; return what failed and kept nothing else from being done."""
    failures: list[errors.RetrofitError] = []
    now = datetime.datetime.now(datetime.timezone.utc)
    if rotation.expired(product, now.date()):
        if task.policy.retire_expired:
            product = dataclasses.replace(product, versions=(), retired=True)
        else:
            notices.expired(product)
    product = upstream.resolved(product, managed.of(product), task.access)
    _remove_leftovers(connection, managed, product, task, now)
    for version in places.missing(product, managed.of(product), latest=task.policy.latest):
        try:
            managed.put(_import(connection, product, version, task, now))
        except errors.RetrofitError as error:
            failures.append(notices.named(error, product, product.versioned(version.name)))
    notices.respins(product, managed.of(product))
    for change in rotation.changes(product, managed.of(product), task.policy, now.date()):
        _apply(connection, managed, change, task)
    # What could not be imported today may be why an old one is still needed.
    if not failures:
        own = managed.of(product)
        expired = rotation.removable(product, own, task.policy, now.date())
        _remove_unused(connection, managed, expired, task)
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
    notices.twins(connection, product, version, task.policy.tag)
    if task.means is None:
        return rotation.simulated(product, version, task.policy, now)
    return importing.bring(connection, product, version, tag=task.policy.tag, means=task.means)


def _remove_leftovers(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    product: catalog.Product,
    task: Task,
    now: datetime.datetime,
) -> None:
    """Delete what killed runs left, but for what the next import takes over."""
    wanted = {version.id for version in product.versions} - {""}
    for image in places.leftovers(managed.of(product), now):
        if image.id not in wanted:
            _remove(connection, managed, image, task)


def _apply(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    change: rotation.Change,
    task: Task,
) -> None:
    """Make one change."""
    image = change.image
    if change.fields:
        task.told(Step("change", change.name, _worded(change)))
        if task.means is None:
            image = dataclasses.replace(image, name=change.name)
        else:
            image = connection.patch(image.id, importing.changes(change.fields))
        managed.put(image)
    if change.active is not None:
        action = "reactivate" if change.active else "deactivate"
        task.told(Step(action, change.name))
        if task.means is not None:
            connection.act(image.id, action)
            status = "active" if change.active else "deactivated"
            managed.put(dataclasses.replace(image, status=status))


def _worded(change: rotation.Change) -> str:
    """Say what becomes of an image."""
    words = [f"renamed from {change.image.name}"] if "name" in change.fields else []
    for key, value in sorted(change.fields.items()):
        if key != "name":
            words.append(f"no {key}" if value is None else f"{key}: {value}")
    return ", ".join(words)


def _remove_unused(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    expired: Sequence[images.Image],
    task: Task,
) -> None:
    """Delete images that nobody uses, as far as that can be told."""
    found = usage.ask(connection, [image.id for image in expired])
    for image in expired:
        if image.id in found.users:
            task.told(Step("keep", image.name, f"{found.users[image.id]} uses it"))
        elif found.unknown:
            task.told(Step("keep", image.name, found.unknown))
        else:
            _remove(connection, managed, image, task)


def _remove(
    connection: cloud.Cloud, managed: inventory.Inventory, image: images.Image, task: Task
) -> None:
    """Delete an image; one that cannot be deleted now stays for the next run."""
    task.told(Step("delete", image.name, image.id))
    if task.means is None:
        return
    try:
        connection.delete(image.id)
        managed.drop(image.id)
    except errors.RetrofitError as error:
        task.told(Step("keep", image.name, f"it could not be deleted: {error.message}"))
