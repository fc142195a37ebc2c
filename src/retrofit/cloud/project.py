"""An OpenStack cloud as the engine sees it: one project's view of its services."""

from __future__ import annotations

import io
import logging
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .. import errors, model
from . import images as records
from . import service

if TYPE_CHECKING:
    import openstack.connection

_LOG = logging.getLogger(__name__)

# The services that are used, as openstacksdk spells them.
KINDS = ("image", "load_balancer", "compute", "block_storage")

# Glance answers an upload when its store has everything: slow stores take their time.
_UPLOAD_TIMEOUT_S = 900.0
# As many as Glance gives at a time, unless its operator has it give fewer.
_PAGE = 1000
_CHUNK = model.MIB
_PATCH_TYPE = "application/openstack-images-v2.1-json-patch"


class Cloud:
    """A cloud with the rights of one user in one project; see :func:`connecting.connect`.

    Args:
        connection: Authenticated already.
        project_id: The project in which images are made.
    """

    def __init__(self, connection: openstack.connection.Connection, project_id: str) -> None:
        self._connection = connection
        self._images = service.Service(lambda: connection.image)
        self.project_id = project_id

    @property
    def place(self) -> str:
        """What tells this project from those of other clouds and regions."""
        configuration = self._connection.config
        identity = str(configuration.get_auth_args().get("auth_url", "")).rstrip("/")
        region = configuration.get_region_name("image")
        return f"{identity.removesuffix('/v3')} {region} {self.project_id}"

    def api(self, kind: str) -> service.Service | None:
        """Return a service other than the image service, ``None`` if the cloud has none.

        Args:
            kind: One of :data:`KINDS`, or ``identity``.

        Raises:
            errors.ConfigError: The cloud has it, but not with an endpoint of the type wanted.
        """
        service_type = kind.replace("_", "-")
        if self._connection.endpoint_for(service_type) is not None:
            return service.Service(lambda: getattr(self._connection, kind))
        configuration = self._connection.config
        region = configuration.get_region_name(service_type)
        catalog = configuration.get_service_catalog()
        if catalog and any(catalog.get_endpoints_data(service_type, region_name=region).values()):
            # Whoever asks for no reason to delete something must not take it for absent.
            interface = configuration.get_interface(service_type) or "public"
            raise errors.ConfigError(
                f"the cloud's {service_type} service has no {interface} endpoint",
                hint="add one to the catalog, or choose another interface",
            )
        return None

    def images(self, filters: Iterable[tuple[str, str]]) -> Iterator[records.Image]:
        """Yield the images that match all filters, newest first.

        Args:
            filters: Pairs of query parameter or property and value; ``tag`` may occur repeatedly.
        """
        query = [("sort", "created_at:desc"), ("limit", str(_PAGE)), *filters]
        page = self._images.send("GET", "/images", "list images", params=query).json()
        yield from map(records.parse, page["images"])
        while "next" in page:
            # Glance links relative to its root, the connection to its version.
            _, _, marker = page["next"].partition("?")
            page = self._images.send("GET", f"/images?{marker}", "list images").json()
            yield from map(records.parse, page["images"])

    def image(self, image_id: str) -> records.Image:
        """Return one image.

        Raises:
            errors.InputMissing: There is none with that identifier, or not for this project.
        """
        return records.parse(
            self._images.send("GET", f"/images/{image_id}", f"show image {image_id}").json()
        )

    def create(
        self,
        image_id: str,
        *,
        name: str,
        disk_format: str,
        properties: Iterable[tuple[str, str]],
        further: Mapping[str, object] = types.MappingProxyType({}),
    ) -> records.Image:
        """Register an image without data, which nobody else sees.

        Args:
            image_id: Identifier that the caller chose.
            name: Its name.
            disk_format: Its format.
            properties: Its properties, as pairs.
            further: Other fields of Glance's, such as ``min_ram`` and ``tags``.
        """
        body = {
            "id": image_id,
            "name": name,
            "disk_format": disk_format,
            "container_format": "bare",
            "visibility": "private",
            **dict(properties),
            **further,
        }
        return records.parse(
            self._images.send("POST", "/images", f"create image {name}", json=body).json()
        )

    def upload(self, image_id: str, content: io.BufferedReader) -> None:
        """Send the data of a registered image, from a file at its start."""
        self._send_data(image_id, content, "file")

    def download(self, image_id: str) -> Iterator[bytes]:
        """Yield the data of an image, piece by piece."""
        what = f"download image {image_id}"
        yield from self._images.download(f"/images/{image_id}/file", what, _CHUNK)

    def patch(self, image_id: str, changes: Sequence[Mapping[str, object]]) -> records.Image:
        """Change an image, all at once: operations of a JSON patch (RFC 6902)."""
        answer = self._images.send(
            "PATCH",
            f"/images/{image_id}",
            f"change image {image_id}",
            json=list(changes),
            headers={"Content-Type": _PATCH_TYPE},
        )
        return records.parse(answer.json())

    # While Glance notices that an upload was cut, it also fails in other ways than being away.
    @service.retrying_after(errors.Unavailable)
    def delete(self, image_id: str) -> None:
        """Delete an image, which may be gone already."""
        try:
            self._images.once("DELETE", f"/images/{image_id}", f"delete image {image_id}")
        except errors.InputMissing:
            _LOG.debug("image %s is gone already", image_id)

    def act(self, image_id: str, action: str) -> None:
        """Deactivate or reactivate an image, by an action of one of these names."""
        path = f"/images/{image_id}/actions/{action}"
        self._images.send("POST", path, f"{action} image {image_id}")

    def import_methods(self) -> frozenset[str]:
        """Return the ways of importing that are offered, such as ``web-download``."""
        answer = self._images.send("GET", "/info/import", "ask for ways to import images").json()
        return frozenset(answer["import-methods"]["value"])

    def stage(self, image_id: str, content: io.BufferedReader) -> None:
        """Send the data of a registered image to where it is imported from."""
        self._send_data(image_id, content, "stage")

    def begin_import(self, image_id: str, method: Mapping[str, str]) -> None:
        """Let the image service import the data of a registered image, without waiting for it.

        Args:
            image_id: Its identifier.
            method: ``name`` of the way, and what that needs, such as ``uri``.
        """
        self._images.once(
            "POST",
            f"/images/{image_id}/import",
            f"import image {image_id}",
            json={"method": method},
        )

    def import_tasks(self, image_id: str) -> list[tuple[str, str]]:
        """Return status and message of each import of an image, such as ``success``.

        An image service that is older than Wallaby, or tells not everybody, tells of none.
        """
        what = f"ask for imports of image {image_id}"
        try:
            answer = self._images.send("GET", f"/images/{image_id}/tasks", what)
        except (errors.InputMissing, errors.Denied):
            return []
        return [(task["status"], task.get("message") or "") for task in answer.json()["tasks"]]

    def quotas(self) -> list[tuple[str, int, int]]:
        """Return name, usage and limit of each quota for images that the project has.

        An image service that is older than Yoga, or has no limits in Keystone, tells of none.
        """
        try:
            answer = self._images.send("GET", "/info/usage", "ask for the usage of quotas")
        except (errors.InputMissing, errors.Denied):
            return []
        return [
            (name, quota["usage"], quota["limit"])
            for name, quota in answer.json()["usage"].items()
            if quota["limit"] >= 0
        ]

    def members(self, image_id: str) -> dict[str, str]:
        """Return the projects that an image is shared with, and what they say to it."""
        what = f"list members of image {image_id}"
        answer = self._images.send("GET", f"/images/{image_id}/members", what).json()
        return {member["member_id"]: member["status"] for member in answer["members"]}

    def add_member(self, image_id: str, project_id: str) -> None:
        """Share an image with a project."""
        path, what = f"/images/{image_id}/members", f"share image {image_id}"
        self._images.send("POST", path, what, json={"member": project_id})

    def accept(self, image_id: str, project_id: str) -> None:
        """Accept a shared image in the name of the project, which then has it in its list."""
        path, what = f"/images/{image_id}/members/{project_id}", f"accept image {image_id}"
        self._images.send("PUT", path, what, json={"status": "accepted"})

    def remove_member(self, image_id: str, project_id: str) -> None:
        """Share an image with a project no longer."""
        path, what = f"/images/{image_id}/members/{project_id}", f"unshare image {image_id}"
        self._images.send("DELETE", path, what)

    def _send_data(self, image_id: str, content: io.BufferedReader, where: str) -> None:
        self._images.once(
            "PUT",
            f"/images/{image_id}/{where}",
            f"upload image {image_id}",
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=(service.TIMEOUT_S, _UPLOAD_TIMEOUT_S),
            # At a second time the library would send what is left of the file: nothing.
            allow_reauth=False,
            connect_retries=0,
            status_code_retries=0,
        )

    def separate(self) -> None:
        """Have connections of its own, in a process that was just forked."""
        from . import transport

        transport.equip(self._connection.session.session)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
