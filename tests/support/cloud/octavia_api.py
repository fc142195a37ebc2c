"""The real Octavia API on loopback, beside a cloud's Keystone and Glance.

``with octavia_api.running(cloud) as octavia:`` starts it, and names it in the cloud's catalog
until the context ends. Nothing makes load balancers: tests say which there are, by writing them to
the API's database. A :class:`Worker` stands in for the controller worker that does what the API
asks it for.
"""

from __future__ import annotations

import configparser
import contextlib
import dataclasses
import datetime
import fcntl
import json
import pathlib
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import artefacts
from . import cloud, cloud_config, cloud_template

SINGLE, ACTIVE_STANDBY = "SINGLE", "ACTIVE_STANDBY"
_ROLES = {SINGLE: ("STANDALONE",), ACTIVE_STANDBY: ("MASTER", "BACKUP")}
_SCRIPT = pathlib.Path(__file__).with_name("octavia_server.py")
_PREPARE_TIMEOUT_S = 300


@dataclasses.dataclass(frozen=True)
class Octavia:
    """An Octavia API that runs.

    Attributes:
        directory: Where its database is.
        port: Its port on 127.0.0.1.
        pid: Its process, for tests that disturb it.
    """

    directory: pathlib.Path
    port: int
    pid: int

    def add(
        self,
        name: str,
        images: Sequence[str | None],
        *,
        status: str = "ACTIVE",
        flavor: str | None = None,
        provider: str = "amphora",
    ) -> str:
        """Have a load balancer, and return its identifier.

        Args:
            name: Its name.
            images: Identifier of the image that each of its amphorae runs: of one, or of the
                master and the backup.
            status: Its provisioning status.
            flavor: Identifier of its flavor.
            provider: Whose it is.
        """
        topology = SINGLE if len(images) == 1 else ACTIVE_STANDBY
        balancer = str(uuid.uuid4())
        with self.database() as database:
            _insert(
                database,
                "load_balancer",
                id=balancer,
                name=name,
                project_id=uuid.uuid4().hex,
                provisioning_status=status,
                operating_status="ONLINE",
                topology=topology,
                enabled=True,
                provider=provider,
                flavor_id=flavor,
                created_at=_now(),
            )
            for image, role in zip(images, _ROLES[topology], strict=False):
                insert_amphora(database, balancer, image=image, role=role)
        return balancer

    def add_amphora(self, balancer: str | None, **columns: Any) -> str:
        """Have an amphora, of a load balancer or spare, and return its identifier."""
        with self.database() as database:
            return insert_amphora(database, balancer, **columns)

    def add_flavor(self, name: str, data: Mapping[str, object]) -> str:
        """Have a flavor of load balancers, and return its identifier."""
        flavor, profile = str(uuid.uuid4()), str(uuid.uuid4())
        with self.database() as database:
            _insert(
                database,
                "flavor_profile",
                id=profile,
                name=name,
                provider_name="amphora",
                flavor_data=json.dumps(data),
            )
            _insert(
                database, "flavor", id=flavor, name=name, enabled=True, flavor_profile_id=profile
            )
        return flavor

    def amphorae(self, balancer: str) -> list[dict[str, Any]]:
        """Return all amphorae that a load balancer has or had, in the order of their making."""
        query = "SELECT * FROM amphora WHERE load_balancer_id = ? ORDER BY rowid"
        with self.database() as database:
            return [dict(row) for row in database.execute(query, (balancer,))]

    def images(self, balancer: str) -> dict[str, str | None]:
        """Return which image the amphora of each role runs."""
        return {
            amphora["role"]: amphora["image_id"]
            for amphora in self.amphorae(balancer)
            if amphora["status"] == "ALLOCATED"
        }

    def status(self, balancer: str) -> str:
        """Return the provisioning status of a load balancer."""
        query = "SELECT provisioning_status FROM load_balancer WHERE id = ?"
        with self.database() as database:
            (status,) = database.execute(query, (balancer,)).fetchone()
        return str(status)

    def set_status(self, balancer: str, status: str) -> None:
        """Give a load balancer a provisioning status."""
        with self.database() as database:
            change(database, "load_balancer", balancer, provisioning_status=status)

    def clear(self) -> None:
        """Have no load balancer, amphora or flavor any more."""
        with self.database() as database:
            for table in ("amphora", "load_balancer", "flavor", "flavor_profile"):
                database.execute(f"DELETE FROM {table}")

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Give the database, which nobody else uses meanwhile."""
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = sqlite3.connect(self.directory / "octavia.db")
            connection.row_factory = sqlite3.Row
            with contextlib.closing(connection), connection:
                yield connection


def insert_amphora(
    database: sqlite3.Connection,
    balancer: str | None,
    *,
    image: str | None,
    role: str | None = None,
    status: str = "ALLOCATED",
) -> str:
    """Have an amphora, and return its identifier."""
    amphora = str(uuid.uuid4())
    _insert(
        database,
        "amphora",
        id=amphora,
        load_balancer_id=balancer,
        compute_id=str(uuid.uuid4()),
        image_id=image,
        role=role,
        status=status,
        cert_busy=False,
        created_at=_now(),
    )
    return amphora


def change(database: sqlite3.Connection, table: str, identifier: str, **columns: Any) -> None:
    """Change columns of a row."""
    assignments = ", ".join(f"{name} = ?" for name in columns)
    query = f"UPDATE {table} SET {assignments} WHERE id = ?"
    assert database.execute(query, (*columns.values(), identifier)).rowcount == 1


@contextlib.contextmanager
def running(beside: cloud.Cloud) -> Iterator[Octavia]:
    """Run the API beside a cloud's other services.

    Args:
        beside: Whose Keystone says who may ask, and in whose catalog it is for as long.
    """
    python = artefacts.programs("octavia") / "bin" / "python"
    port = cloud_template.free_port()
    directory = beside.directory
    database = directory / "octavia.db"
    subprocess.run(
        [python, _SCRIPT, "prepare", database],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore"},
        timeout=_PREPARE_TIMEOUT_S,
        check=True,
    )
    (directory / "casts").touch()
    _configure(directory, beside)
    with (
        cloud_template.serving("octavia", directory, port, python=python, script=_SCRIPT) as api,
        _catalogd(beside, port),
    ):
        yield Octavia(directory, port, api.pid)
    database.unlink()


@contextlib.contextmanager
def _catalogd(beside: cloud.Cloud, port: int) -> Iterator[None]:
    """Have the API in the catalog."""
    with beside.admin() as admin:
        service = admin.identity.create_service(name="octavia", type="load-balancer")
        for interface, host in (("public", "127.0.0.1"), ("internal", "localhost")):
            admin.identity.create_endpoint(
                service_id=service.id,
                interface=interface,
                url=f"https://{host}:{port}",
                region_id=cloud_config.REGION,
            )
        try:
            yield
        finally:
            # Its endpoints go with it.
            admin.identity.delete_service(service.id)


def _configure(directory: pathlib.Path, beside: cloud.Cloud) -> None:
    """Write ``octavia.conf`` to the directory, which is the server's home: it looks there."""
    options: dict[str, dict[str, object]] = {
        "DEFAULT": {
            "log_file": directory / "octavia.log",
            "use_stderr": False,
            # Messages stay in the process of the API, where they are written down.
            "transport_url": "fake://",
        },
        "api_settings": {
            # Clients have to ask for more.
            "pagination_max_limit": 5,
            "enabled_provider_drivers": "amphora: The Octavia Amphora driver.",
        },
        "database": {"connection": f"sqlite:///{directory}/octavia.db"},
        "keystone_authtoken": {
            "www_authenticate_uri": beside.auth_url,
            "auth_url": beside.auth_url,
            "cafile": beside.ca_path,
            "auth_type": "password",
            # It only looks at tokens, as Glance does.
            "username": "glance",
            "password": cloud_config.PASSWORD,
            "project_name": cloud_config.SERVICE_PROJECT,
            "user_domain_name": cloud_config.SERVICE_DOMAIN,
            "project_domain_name": cloud_config.SERVICE_DOMAIN,
        },
    }
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read_dict(options)
    with (directory / "octavia.conf").open("w") as file:
        configuration.write(file)


def _insert(database: sqlite3.Connection, table: str, **columns: Any) -> None:
    places = ", ".join("?" * len(columns))
    query = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
    database.execute(query, tuple(columns.values()))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
