"""A cloud in memory: Glance with images of several projects, and who uses them.

Whoever talks to it may be killed after any change: nothing of theirs gets through from then on.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.provenance import records

from retrofit import errors
from retrofit.cloud import images, refusals
from retrofit.provenance import marks

OURS, THEIRS = "ours", "theirs"
_BEGIN = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
# Of each service, what lists what it knows and how its answer calls that.
_LISTS = {
    "load_balancer": ("/octavia/amphorae", "amphorae"),
    "compute": ("/servers", "servers"),
    "block_storage": ("/volumes", "volumes"),
}


class Killed(BaseException):
    """Ends whoever talks to the cloud, as SIGKILL does."""


class Store:
    """What the cloud holds.

    Attributes:
        now: The time.
        images: All images, by identifier.
        users: Of each image, the services that know a user of it.
        silent: Services that refuse or do not answer.
        clones: Images that the store does not delete.
        changed: Called after each change with what is there before and after; ``None`` for none.
    """

    def __init__(
        self, changed: Callable[[images.Image | None, images.Image | None], None]
    ) -> None:
        self.now = _BEGIN
        self.images: dict[str, images.Image] = {}
        self.users: dict[str, set[str]] = {}
        self.silent: set[str] = set()
        self.clones: set[str] = set()
        self._changed = changed

    def put(self, image: images.Image) -> images.Image:
        """Have an image, or another state of it."""
        before = self.images.get(image.id)
        self.images[image.id] = image
        self._changed(before, image)
        return image

    def remove(self, image_id: str) -> None:
        """Delete an image."""
        self._changed(self.images.pop(image_id), None)

    def listed(self, *, hidden: bool = False) -> list[images.Image]:
        """Return the images that are hidden, or not, newest first."""
        found = [image for image in self.images.values() if image.hidden is hidden]
        return sorted(found, key=lambda image: (image.created_at, image.id), reverse=True)

    def selected(self, tag: str) -> images.Image | None:
        """Return the image that Octavia selects, which looks at this project only."""
        return next(
            (
                image
                for image in self.listed()
                if tag in image.tags and image.status == "active" and image.owner == OURS
            ),
            None,
        )


class Client:
    """Stands for :class:`retrofit.cloud.Cloud`.

    Args:
        store: What the cloud holds.
        lives: How many changes it may make before it is killed; ``None`` for any number.
        meanwhile: What another machine does when this client lists something, from the last on.
    """

    project_id = OURS

    def __init__(
        self,
        store: Store,
        lives: int | None = None,
        meanwhile: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._store = store
        self._lives = lives
        self._meanwhile = [*meanwhile]

    def images(self, filters: Iterable[tuple[str, str]]) -> Iterator[images.Image]:
        self._breathe()
        self._look_away()
        wanted = list(filters)
        hidden = ("os_hidden", "true") in wanted
        listed = self._store.listed(hidden=hidden)
        wanted = [(name, value) for name, value in wanted if name != "os_hidden"]
        return iter([image for image in listed if all(_matches(image, *each) for each in wanted)])

    def image(self, image_id: str) -> images.Image:
        self._breathe()
        try:
            return self._store.images[image_id]
        except KeyError as error:
            raise errors.InputMissing(f"there is no image {image_id}") from error

    def create(
        self,
        image_id: str,
        *,
        name: str,
        disk_format: str,
        properties: Iterable[tuple[str, str]],
        further: Mapping[str, object],
    ) -> images.Image:
        return self._change(
            records.image(
                dict(properties),
                **further,
                id=image_id,
                name=name,
                status="queued",
                owner=OURS,
                visibility="private",
                disk_format=disk_format,
                content_hash="",
                tags=frozenset(),
                created_at=self._store.now,
            )
        )

    def upload(self, image_id: str, content: io.BufferedReader) -> None:
        digest = hashlib.sha512(content.read()).hexdigest()
        self._replace(image_id, status="active", content_hash=f"sha512:{digest}")

    def patch(self, image_id: str, changes: Sequence[Mapping[str, Any]]) -> images.Image:
        image = self.image(image_id)
        fields: dict[str, Any] = {}
        said = dict(image.properties)
        for change in changes:
            key = change["path"].removeprefix("/")
            if change["op"] == "remove":
                del said[key]
            elif key == "tags":
                fields["tags"] = frozenset(change["value"])
            elif key == "os_hidden":
                fields["hidden"] = change["value"]
            elif key in ("name", "visibility"):
                fields[key] = change["value"]
            else:
                said[key] = change["value"]
        return self._replace(image_id, **fields, properties=said)

    def delete(self, image_id: str) -> None:
        image = self._store.images.get(image_id)
        if image is not None and image.protected:
            raise errors.Denied(f"cannot delete image {image_id}: it is protected")
        if image_id in self._store.clones:
            raise refusals.Conflict(f"cannot delete image {image_id}: it is in use")
        self._breathe(change=True)
        if image is not None:
            self._store.remove(image_id)

    def api(self, kind: str) -> _Service:
        self._look_away()
        return _Service(self._store, kind)

    def _look_away(self) -> None:
        if self._meanwhile:
            self._meanwhile.pop()()

    def _replace(self, image_id: str, **fields: Any) -> images.Image:
        return self._change(dataclasses.replace(self.image(image_id), **fields))

    def _change(self, image: images.Image) -> images.Image:
        self._breathe(change=True)
        return self._store.put(dataclasses.replace(image, updated_at=self._store.now))

    def _breathe(self, *, change: bool = False) -> None:
        """End here if this is what it was killed before."""
        if self._lives is None:
            return
        if self._lives <= 0:
            raise Killed
        self._lives -= change


class _Service:
    """Octavia, Nova or Cinder."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind

    def send(self, method: str, path: str, what: str, **options: Any) -> _Answer:
        if self._kind in self._store.silent:
            raise errors.Denied(f"cannot {what}: not allowed", hint="grant a role")
        if path == "/os-services":
            return _Answer({"services": []})
        place, listed = _LISTS[self._kind]
        assert (method, path) == ("GET", place)
        asked = str(options["params"])
        using = [
            image_id
            for image_id, kinds in self._store.users.items()
            if image_id in asked and self._kind in kinds
        ]
        return _Answer({listed: [{"id": f"user-of-{image_id}"} for image_id in using]})


@dataclasses.dataclass(frozen=True)
class _Answer:
    content: Mapping[str, Any]

    def json(self) -> Mapping[str, Any]:
        return self.content


def _matches(image: images.Image, name: str, value: str) -> bool:
    if name == "tag":
        return value in image.tags
    if name in ("owner", "name", "status"):
        return bool(getattr(image, name) == value)
    assert name == "architecture" or name.startswith("retrofit_"), name
    return image.properties.get(name) == value


def is_ours(image: images.Image) -> bool:
    """Tell whether this project made an image."""
    return image.owner == OURS and marks.FINGERPRINT in image.properties
