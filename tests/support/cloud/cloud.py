"""A real cloud on loopback: Keystone and Glance from PyPI, over TLS.

``with cloud.running() as c:`` starts both from a prepared copy in a few seconds and ends them with
the context, or with the process that entered it. The endpoints are ``https://127.0.0.1:PORT``, so
that they are the same inside a container whose loopback ports a proxy joins to the host's.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import pathlib
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import openstack
import yaml

from ..host import authority
from . import cloud_config, cloud_template

REGION = cloud_config.REGION
PASSWORD = cloud_config.PASSWORD
RETROFIT_USER = cloud_config.RETROFIT_USER
SERVICE_PROJECT = cloud_config.SERVICE_PROJECT
SERVICE_DOMAIN = cloud_config.SERVICE_DOMAIN
Options = cloud_config.Options

# Names of the clouds in the clouds.yaml written here: the user that the charm gets, the cloud's
# administrator, and somebody without any role but "member" in a project of her own.
RETROFIT, ADMIN, TENANT = "retrofit", "admin", "tenant"

_PARTS_OF_IMAGES = ("image_properties", "image_tags", "image_locations")


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A cloud that runs.

    Attributes:
        directory: Databases, images, logs and certificates; removed at the end.
        keystone_port: Port of Keystone on 127.0.0.1.
        glance_port: Port of Glance on 127.0.0.1.
        ca_path: Certificate of the authority that signed the servers' certificates.
        keystone_pid: Process of Keystone, for tests that disturb it.
        glance_pid: Process of Glance, for tests that disturb it.
    """

    directory: pathlib.Path
    keystone_port: int
    glance_port: int
    ca_path: pathlib.Path
    keystone_pid: int
    glance_pid: int
    _connections: dict[str, openstack.connection.Connection] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def auth_url(self) -> str:
        return cloud_template.keystone_url(self.keystone_port)

    @property
    def image_url(self) -> str:
        return cloud_template.glance_urls(self.glance_port)["public"]

    def authentication(self, who: str) -> dict[str, str]:
        """Return the ``auth`` section of one of the three users."""
        if who == ADMIN:
            names = {"username": "admin", "project_name": "admin"}
            names |= {"user_domain_id": "default", "project_domain_id": "default"}
        else:
            user, project = {
                RETROFIT: (RETROFIT_USER, SERVICE_PROJECT),
                TENANT: ("tenant", "tenant"),
            }[who]
            names = {"username": user, "project_name": project}
            names |= {
                "user_domain_name": SERVICE_DOMAIN,
                "project_domain_name": SERVICE_DOMAIN,
            }
        return names | {"auth_url": self.auth_url, "password": PASSWORD}

    def clouds_yaml(self, path: pathlib.Path, **changes: str) -> pathlib.Path:
        """Write a clouds.yaml with all three users; changes go into each ``auth`` section."""
        clouds = {
            who: {
                "auth": self.authentication(who) | changes,
                "region_name": REGION,
                "cacert": str(self.ca_path),
            }
            for who in (RETROFIT, ADMIN, TENANT)
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump({"clouds": clouds}))
        return path

    def connect(self, who: str) -> openstack.connection.Connection:
        """Return a connection of one of the three users; close it, or use it as a context."""
        return openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            auth=self.authentication(who),
            region_name=REGION,
            verify=str(self.ca_path),
            # The server closes a connection that was idle, perhaps while it is used again.
            connect_retries=2,
        )

    def admin(self) -> openstack.connection.Connection:
        """Return the administrator's connection."""
        return self.connect(ADMIN)

    def images(self, who: str = ADMIN, **filters: str) -> list[dict[str, Any]]:
        """Return the images a user sees, newest first, as Glance's JSON."""
        found: list[dict[str, Any]] = []
        params = {"sort": "created_at:desc", "limit": "1000", **filters}
        service = self._kept(who).image
        page: dict[str, Any] = service.get("/images", params=params).json()
        found += page["images"]
        while "next" in page:
            page = service.get(page["next"].removeprefix("/v2")).json()
            found += page["images"]
        return found

    def image(self, image_id: str) -> dict[str, Any]:
        """Return one image as Glance's JSON."""
        shown: dict[str, Any] = self._kept(ADMIN).image.get(f"/images/{image_id}").json()
        return shown

    def grow_older(self, *, hours: int, **properties: str) -> None:
        """Have images with some properties made and changed so much earlier than they were."""
        moved = ", ".join(
            f"{column} = strftime('%Y-%m-%d %H:%M:%f', {column}, '-{hours} hours') || '000'"
            for column in ("created_at", "updated_at")
        )
        chosen = " AND ".join(
            "id IN (SELECT image_id FROM image_properties WHERE name = ? AND value = ?)"
            for _ in properties
        )
        values = [word for pair in properties.items() for word in pair]
        with contextlib.closing(sqlite3.connect(self.directory / "glance.db")) as database:
            database.execute(f"UPDATE images SET {moved} WHERE {chosen}", values)
            database.commit()

    def limit(self, **limits: int) -> None:
        """Register limits of Glance's in Keystone, by their names."""
        with self.admin() as admin:
            identity = admin.identity
            domain = identity.find_domain(SERVICE_DOMAIN)
            glance = identity.find_user("glance", domain_id=domain.id)
            # oslo.limit looks limits and endpoints up with a token of the whole system.
            role = identity.find_role("reader")
            path = f"/system/users/{glance.id}/roles/{role.id}"
            identity.put(path).raise_for_status()
            for name, limit in limits.items():
                identity.create_registered_limit(
                    service_id=identity.find_service("glance").id,
                    region_id=REGION,
                    resource_name=name,
                    default_limit=limit,
                )

    def requests(self) -> collections.Counter[str]:
        """Count the requests to Keystone and Glance, but for their own, by what they ask."""
        return collections.Counter(
            f"{service}: {line.partition('|')[0]}"
            for service in ("keystone", "glance")
            for line in (self.directory / f"{service}-requests.log").read_text().splitlines()
            if "keystonemiddleware" not in line
        )

    def copy(self, image_id: str, told: str, names: Iterable[str]) -> None:
        """Have more images like one that has data, each with another word in the place of a word.

        Args:
            image_id: The image.
            told: The word in its name and the values of its properties.
            names: What stands there in the copies.
        """
        with contextlib.closing(sqlite3.connect(self.directory / "glance.db")) as database:
            database.row_factory = sqlite3.Row
            for name in names:
                copy_id = str(uuid.uuid4())
                for table in ("images", *_PARTS_OF_IMAGES):
                    key = "id" if table == "images" else "image_id"
                    query = f"SELECT * FROM {table} WHERE {key} = ?"
                    for row in database.execute(query, (image_id,)).fetchall():
                        values = {
                            column: value.replace(told, name)
                            if column in ("name", "value") and table != "image_tags"
                            else value
                            for column, value in dict(row).items()
                            if column != "id"
                        } | {key: copy_id}
                        database.execute(
                            f"INSERT INTO {table} ({', '.join(values)}) "
                            f"VALUES ({', '.join('?' * len(values))})",
                            [*values.values()],
                        )
            database.commit()

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the images of which no data, or only some, arrived: leftovers of a cut upload."""
        return [image for image in self.images() if image["status"] != "active"]

    def upload_base(
        self,
        path: pathlib.Path,
        *,
        name: str = "",
        visibility: str = "public",
        disk_format: str = "qcow2",
        who: str = ADMIN,
        **properties: str | None,
    ) -> str:
        """Upload a base image as glance-simplestreams-sync does; return its id.

        Args:
            path: The image file.
            name: Its name; by default as glance-simplestreams-sync forms it.
            visibility: Who sees it.
            disk_format: Its format.
            who: Whose it is.
            properties: In place of those of a daily noble server image; ``None`` leaves one out.
        """
        wanted = _simplestreams(properties)
        body = {
            "name": name or f"auto-sync/{wanted.get('product_name')}-{wanted.get('version_name')}",
            "container_format": "bare",
            "disk_format": disk_format,
            "visibility": visibility,
            **wanted,
        }
        service = self._kept(who).image
        created = service.post("/images", json=body)
        created.raise_for_status()
        image_id: str = created.json()["id"]
        with path.open("rb") as file:
            service.put(
                f"/images/{image_id}/file",
                data=file,
                headers={"Content-Type": "application/octet-stream"},
            ).raise_for_status()
        return image_id

    def _kept(self, who: str) -> openstack.connection.Connection:
        """Return a connection that lasts as long as the cloud: to make one takes a second."""
        if who not in self._connections:
            self._connections[who] = self.connect(who)
        return self._connections[who]

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()


@contextlib.contextmanager
def running(
    *,
    options: Options = cloud_config.Options(),  # noqa: B008 -- frozen
    keystone_port: int = 0,
    glance_port: int = 0,
    expired_authority: bool = False,
) -> Iterator[Cloud]:
    """Run a cloud of one's own.

    Args:
        options: What differs from the usual configuration.
        keystone_port: Port of Keystone; 0 takes a free one.
        glance_port: Port of Glance; 0 takes a free one.
        expired_authority: Whether the servers' certificates come from an authority that expired.
    """
    keystone_port = keystone_port or cloud_template.free_port()
    glance_port = glance_port or cloud_template.free_port()
    prepared = cloud_template.template()
    with (
        tempfile.TemporaryDirectory(prefix="retrofit-cloud-") as name,
        contextlib.ExitStack() as s,
    ):
        directory = pathlib.Path(name)
        for part in ("fernet-keys", "credential-keys"):
            shutil.copytree(prepared / part, directory / part)
        for part in ("keystone.db", "glance.db"):
            shutil.copy(prepared / part, directory / part)
        for part in ("images", "staging", "tasks"):
            (directory / part).mkdir()
        signer = authority.Authority(directory, expired=expired_authority)
        signer.issue("server")
        cloud_config.write(
            directory,
            keystone_port=keystone_port,
            glance_port=glance_port,
            paste=cloud_template.paste(),
            ca=signer.path,
            options=options,
        )
        _move_endpoints(directory / "keystone.db", keystone_port, glance_port)
        keystone = s.enter_context(cloud_template.serving("keystone", directory, keystone_port))
        glance = s.enter_context(cloud_template.serving("glance", directory, glance_port))
        running_cloud = Cloud(
            directory, keystone_port, glance_port, signer.path, keystone.pid, glance.pid
        )
        s.callback(running_cloud._close)
        yield running_cloud


def _move_endpoints(database: pathlib.Path, keystone_port: int, glance_port: int) -> None:
    """Put the ports of this start into the catalog."""
    moves = {cloud_template.KEYSTONE_PORT: keystone_port, cloud_template.GLANCE_PORT: glance_port}
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for old, new in moves.items():
            connection.execute(
                "UPDATE endpoint SET url = replace(url, ?, ?)", (f":{old}", f":{new}")
            )


def _simplestreams(changes: dict[str, str | None]) -> dict[str, str]:
    """Return the properties that glance-simplestreams-sync sets, with some changed."""
    usual = {
        "product_name": "com.ubuntu.cloud.daily:server:24.04:amd64",
        "version_name": "20260801",
        "item_name": "disk1.img",
        "content_id": "auto.sync",
        "source_content_id": "com.ubuntu.cloud:daily:download",
        "os_distro": "ubuntu",
        "os_version": "24.04",
        "architecture": "x86_64",
    }
    wanted = {key: value for key, value in (usual | changes).items() if value is not None}
    if "product_name" in wanted:
        wanted["simplestreams_metadata"] = json.dumps({"release": wanted.get("os_version")})
    return wanted
