"""Shares an image with projects, or no longer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .. import cloud, errors
from ..cloud import images

_PAGE = "1000"


@dataclasses.dataclass(frozen=True)
class Wish:
    """With whom an image is to be shared.

    Attributes:
        image: Name or identifier of the image.
        target: Name or identifier of a project, or of a domain.
        whole_domain: Whether it is a domain: all its projects.
        domain: Name or identifier of a project's domain.
        add: Whether to share, or to share no longer.
    """

    image: str
    target: str
    whole_domain: bool
    domain: str
    add: bool


def share(
    connection: cloud.Cloud, wish: Wish, told: Callable[[str, str], None], *, dry_run: bool
) -> None:
    """Share an image with projects, which accept it at once; or share it no longer.

    Args:
        connection: Where; its user has to be an administrator, as others see no projects.
        wish: What is wanted.
        told: Told name and identifier of each project for which something changes.
        dry_run: Whether to change nothing.

    Raises:
        errors.InputMissing: There is no such image, project or domain.
        errors.ConfigError: Several images have that name, or there is no identity service.
        errors.RetrofitError: A service does not answer, or refuses.
    """
    image = _image(connection, wish.image)
    members = connection.members(image.id)
    for project in _projects(connection, wish):
        status = members.get(project["id"])
        if (status == "accepted") if wish.add else (status is None):
            continue
        told(str(project["name"]), str(project["id"]))
        if dry_run:
            continue
        if not wish.add:
            connection.remove_member(image.id, project["id"])
            continue
        if status is None:
            connection.add_member(image.id, project["id"])
        connection.accept(image.id, project["id"])


def _image(connection: cloud.Cloud, wanted: str) -> images.Image:
    """Return the image of this project that has an identifier or a name."""
    mine = ("owner", connection.project_id)
    found = [
        *connection.images([mine, ("id", wanted)]),
        *connection.images([mine, ("name", wanted)]),
    ]
    if not found:
        raise errors.InputMissing(
            f"this project has no image {wanted}", hint="check --share-image and the project"
        )
    if len(found) > 1:
        raise errors.ConfigError(
            f"{len(found)} images have the name {wanted}", hint="use the ID of an image"
        )
    return found[0]


def _projects(connection: cloud.Cloud, wish: Wish) -> list[dict[str, Any]]:
    if wish.whole_domain:
        domain = _one(connection, "domains", wish.target, {})
        query = {"domain_id": domain["id"], "enabled": "true", "limit": _PAGE}
        return _list(connection, "projects", query)
    domain = _one(connection, "domains", wish.domain, {})
    return [_one(connection, "projects", wish.target, {"domain_id": domain["id"]})]


def _one(connection: cloud.Cloud, kind: str, wanted: str, query: dict[str, str]) -> dict[str, Any]:
    """Return the project or domain that has a name or an identifier."""
    found = _list(connection, kind, query | {"name": wanted})
    if not found:
        found = [each for each in _list(connection, kind, query) if each["id"] == wanted]
    if not found:
        raise errors.InputMissing(
            f"the {kind.removesuffix('s')} {wanted} does not exist",
            hint="check --share-target and --share-domain",
        )
    return found[0]


def _list(connection: cloud.Cloud, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
    service = connection.api("identity")
    if service is None:
        raise errors.ConfigError("the cloud's catalog has no identity service")
    answer = service.send("GET", f"/{kind}", f"list {kind}", params=query)
    found: list[dict[str, Any]] = answer.json()[kind]
    return found
