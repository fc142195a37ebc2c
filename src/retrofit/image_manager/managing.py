"""Makes Glance what image files say, and goes on where an earlier run was killed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
from collections.abc import Callable, Generator, Iterable, Sequence

from .. import cloud, errors
from ..cloud import images, usage
from ..host import signals, urls, web
from . import age, catalog, importing, inventory, notices, places, rotation, side_by_side, upstream


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
    now = datetime.datetime.now(datetime.timezone.utc)
    begun = [_begin(connection, managed, product, task, now) for product in products]
    with contextlib.closing(_imported(connection, begun, task)) as imported:
        for state in begun:
            while state.due:
                owner, version, outcome = next(imported)
                owner.note(version, outcome)
                if isinstance(outcome, images.Image):
                    managed.put(outcome)
            _finish(connection, managed, state, task, now)
    return [failure for state in begun for failure in state.failures]


def outdated(
    managed: inventory.Inventory, products: Iterable[catalog.Product], max_days: int
) -> list[age.Age]:
    """Return the images that are older by more than some days than what files know of."""
    return [
        each
        for product in products
        for each in age.outdated(product, managed.of(product), max_days)
    ]


@dataclasses.dataclass
class _State:
    """How far a product is.

    Attributes:
        product: The product, ``None`` if it is not known what its newest version is.
        due: Versions that are still to be imported, oldest first.
        failed: What went wrong with versions.
        failures: All that went wrong.
    """

    product: catalog.Product | None
    due: list[catalog.Version] = dataclasses.field(default_factory=list)
    failed: dict[str, errors.RetrofitError] = dataclasses.field(default_factory=dict)
    failures: list[errors.RetrofitError] = dataclasses.field(default_factory=list)

    def note(self, version: catalog.Version, outcome: side_by_side.Outcome) -> None:
        """Take note of an import's end."""
        self.due.remove(version)
        if isinstance(outcome, errors.RetrofitError):
            self.failed[version.name] = outcome


def _begin(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    product: catalog.Product,
    task: Task,
    now: datetime.datetime,
) -> _State:
    """Remove what killed runs left of a product, and find out what is to be imported."""
    signals.check()
    if rotation.expired(product, now.date()):
        if task.policy.retire_expired:
            product = dataclasses.replace(product, versions=(), retired=True)
        else:
            notices.expired(product)
    try:
        product = upstream.resolved(product, managed.of(product), task.access)
        _remove_leftovers(connection, managed, product, task, now)
        due = places.missing(product, managed.of(product), latest=task.policy.latest)
        for version in due:
            where = urls.shown(version.location)
            task.told(Step("import", product.versioned(version.name), where))
            notices.twins(connection, product, version, task.policy.tag)
            if task.means is None:
                managed.put(rotation.simulated(product, version, task.policy, now))
    except errors.RetrofitError as error:
        return _State(None, failures=[notices.named(error, product, product.name)])
    return _State(product, due if task.means is not None else [])


def _imported(
    connection: cloud.Cloud, begun: Iterable[_State], task: Task
) -> Generator[tuple[_State, catalog.Version, side_by_side.Outcome]]:
    """Import what is due; yield what becomes of each version, as they end."""
    due = [(state, version) for state in begun for version in state.due]
    if task.means is None or not due:
        return
    wanted = [(state.product, version) for state, version in due if state.product is not None]
    glance = importing.ways(connection, wanted, task.means)
    imports = [
        functools.partial(importing.bring, connection, product, version, task.policy.tag, glance)
        for product, version in wanted
    ]
    ended = side_by_side.run(connection, imports, task.means, at_once=task.means.at_once)
    with contextlib.closing(ended):
        for number, outcome in ended:
            yield *due[number], outcome


def _finish(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    state: _State,
    task: Task,
    now: datetime.datetime,
) -> None:
    """Do the rest for a product whose versions are there, or failed."""
    product = state.product
    if product is None:
        return
    signals.check()
    for version in product.versions:
        if version.name in state.failed:
            name = product.versioned(version.name)
            state.failures.append(notices.named(state.failed[version.name], product, name))
    notices.respins(product, managed.of(product))
    try:
        for change in rotation.changes(product, managed.of(product), task.policy, now.date()):
            _apply(connection, managed, change, task)
        # What could not be imported today may be why an old one is still needed.
        if not state.failures:
            own = managed.of(product)
            expired = rotation.removable(product, own, task.policy, now.date())
            _remove_unused(connection, managed, expired, task)
    except errors.RetrofitError as error:
        state.failures.append(notices.named(error, product, product.name))


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
