"""Makes Glance what image files say, and goes on where an earlier run was killed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from .. import cloud, errors
from ..cloud import images, usage
from ..host import signals, urls, web
from . import (
    age,
    catalog,
    importing,
    inventory,
    notices,
    places,
    presence,
    rotation,
    side_by_side,
    upstream,
    wanted,
)


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
        means: How images are brought into Glance; ``None`` does nothing, but says what it would,
            and asks whether the images are where they would be fetched.
        told: Told each step, before it is done.
        locate: Returns where a version may be fetched, in the order in which it is tried.
    """

    policy: rotation.Policy
    access: web.Access
    means: importing.Means | None
    told: Callable[[Step], None]
    locate: wanted.Locate = wanted.locations


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
    if task.means is None:
        imports = _rehearsed(begun, task, now)
    else:
        imports = _imported(connection, begun, task.means, task.policy.tag)
    with contextlib.closing(imports) as imported:
        for state in begun:
            while state.due:
                owner, ended, outcome = next(imported)
                owner.note(ended, outcome)
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
    due: list[wanted.Wanted] = dataclasses.field(default_factory=list)
    failed: dict[str, errors.RetrofitError] = dataclasses.field(default_factory=dict)
    failures: list[errors.RetrofitError] = dataclasses.field(default_factory=list)

    def note(self, ended: wanted.Wanted, outcome: side_by_side.Outcome) -> None:
        """Take note of an import's end."""
        self.due.remove(ended)
        if isinstance(outcome, errors.RetrofitError):
            self.failed[ended.version.name] = outcome


def _begin(
    connection: cloud.Cloud,
    managed: inventory.Inventory,
    product: catalog.Product,
    task: Task,
    now: datetime.datetime,
) -> _State:
    """Remove what killed runs left of a product, and find out what is to be imported."""
    signals.check()
    try:
        if rotation.expired(product, now.date()):
            if task.policy.retire_expired:
                product = dataclasses.replace(product, versions=(), retired=True)
            else:
                notices.expired(product)
        product = upstream.resolved(product, managed.of(product), task.access)
        _remove_leftovers(connection, managed, product, task, now)
        missing = places.missing(product, managed.of(product), latest=task.policy.latest)
        due = [wanted.of(product, version, task.locate) for version in missing]
        for each in due:
            task.told(Step("import", each.name, urls.shown(each.version.location)))
            notices.twins(connection, product, each.version, task.policy.tag)
    except errors.RetrofitError as error:
        return _State(None, failures=[notices.named(error, product, product.name)])
    return _State(product, due)


def _imported(
    connection: cloud.Cloud, begun: Iterable[_State], means: importing.Means, tag: str
) -> Generator[tuple[_State, wanted.Wanted, side_by_side.Outcome]]:
    """Import what is due; yield what becomes of each version, as they end."""
    due = list(_due(begun))
    if not due:
        return
    try:
        glance = importing.ways(connection, [each for _, each in due], means)
    except errors.RetrofitError as error:
        # What is there already is still to be changed and rotated.
        yield from ((state, each, error) for state, each in due)
        return
    imports = [
        functools.partial(importing.bring, connection, each, tag, glance) for _, each in due
    ]
    ended = side_by_side.run(connection, imports, means, at_once=means.at_once)
    with contextlib.closing(ended):
        for number, outcome in ended:
            yield *due[number], outcome


def _rehearsed(
    begun: Iterable[_State], task: Task, now: datetime.datetime
) -> Generator[tuple[_State, wanted.Wanted, side_by_side.Outcome]]:
    """Ask whether what is due is there; yield what would become of each version."""
    due = list(_due(begun))
    faults = dict(presence.missing([each for _, each in due], task.access))
    for state, each in due:
        made = rotation.simulated(each.product, each.version, task.policy, now)
        yield state, each, faults.get(each, made)


def _due(begun: Iterable[_State]) -> Iterator[tuple[_State, wanted.Wanted]]:
    """Yield all that is to be imported."""
    for state in begun:
        for each in state.due:
            yield state, each


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
    state.failures += [
        notices.named(state.failed[version.name], product, product.versioned(version.name))
        for version in product.versions
        if version.name in state.failed
    ]
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
            image = connection.patch(image.id, images.patch(change.fields))
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
