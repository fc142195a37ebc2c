"""Who uses images: asked of Octavia, Nova and Cinder, as far as the cloud has them.

Each is asked for one user of one image, by a filter of its own: the number of requests follows
from the images asked about, and not from what runs in the cloud.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from .. import cloud, errors

if TYPE_CHECKING:
    import requests

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Usage:
    """Who uses which images.

    Attributes:
        users: Of each image that is in use one user, such as ``server 4f0c…``, by the image's
            identifier.
        unknown: Why it is not known who uses images, in one line; empty if it is known. No image
            may be taken for unused then.
    """

    users: Mapping[str, str]
    unknown: str = ""


@dataclasses.dataclass(frozen=True)
class _Kind:
    """What may use an image.

    Attributes:
        service: The service that knows, one of :data:`retrofit.cloud.project.KINDS`.
        name: What it is called.
        path: Where the service lists it.
        listed: Key of the list in the answer.
        query: Returns the parameters that ask for users of one image, in all projects.
        headers: Headers of the request.
        rights: What answers only who sees all projects, where the list itself leaves out silently
            what others have; empty where it is refused.
    """

    service: str
    name: str
    path: str
    listed: str
    query: Callable[[str], Mapping[str, str]]
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rights: str = ""


_KINDS = (
    # https://docs.openstack.org/api-ref/load-balancer/v2/#list-amphora; refused without the role.
    _Kind(
        service="load_balancer",
        name="amphora",
        path="/octavia/amphorae",
        listed="amphorae",
        query=lambda image_id: {"image_id": image_id, "limit": "1"},
    ),
    # https://docs.openstack.org/api-ref/compute/#list-servers; all_tenants is refused to others
    # than admins. Servers that were deleted "softly" can be restored, and need their image then.
    _Kind(
        service="compute",
        name="server",
        path="/servers",
        listed="servers",
        query=lambda image_id: {
            "image": image_id,
            "all_tenants": "1",
            "soft_deleted": "1",
            "limit": "1",
        },
    ),
    # https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details
    # The filter came with microversion 3.4; an older service refuses that.
    _Kind(
        service="block_storage",
        name="volume",
        path="/volumes",
        listed="volumes",
        query=lambda image_id: {
            "glance_metadata": json.dumps({"image_id": image_id}),
            "all_tenants": "1",
            "limit": "1",
        },
        headers={"OpenStack-API-Version": "volume 3.4"},
        # Cinder ignores all_tenants of others than admins, but tells only admins of its services.
        rights="/os-services",
    ),
)


def ask(connection: cloud.Cloud, image_ids: Iterable[str]) -> Usage:
    """Ask who uses images.

    Args:
        connection: The cloud; its user needs the right to see what all projects have.
        image_ids: Identifiers of the images in question.

    Returns:
        What is known. A service that the cloud has, and that refuses or does not answer, makes all
        of it unknown: this never fails.
    """
    wanted = list(image_ids)
    users: dict[str, str] = {}
    try:
        for kind in _KINDS:
            users |= _users(connection, kind, [each for each in wanted if each not in users])
    except errors.RetrofitError as error:
        _LOG.info("the users of images are not known", exc_info=True)
        return Usage(users, f"the users of images are not known: {error}")
    return Usage(users)


def _users(connection: cloud.Cloud, kind: _Kind, image_ids: list[str]) -> dict[str, str]:
    """Return a user of one kind for each image that has one."""
    service = connection.api(kind.service) if image_ids else None
    if service is None:
        return {}
    what = f"see the {kind.listed} of all projects"
    if kind.rights:
        service.send("GET", kind.rights, what)
    found = {}
    for image_id in image_ids:
        answer = service.send(
            "GET", kind.path, what, params=kind.query(image_id), headers=dict(kind.headers)
        )
        listed = _identifiers(answer, kind, what)
        if listed:
            found[image_id] = f"{kind.name} {listed[0]}"
    return found


def _identifiers(answer: requests.Response, kind: _Kind, what: str) -> list[str]:
    """Return the identifiers in an answer.

    Raises:
        errors.Unavailable: It holds no list, which must not be taken for an empty one.
    """
    try:
        return [str(each["id"]) for each in answer.json()[kind.listed]]
    except (ValueError, LookupError, TypeError) as error:
        raise errors.Unavailable(
            f"cannot {what}: the service's answer holds none of them",
            hint="check its endpoint in the catalog",
        ) from error
