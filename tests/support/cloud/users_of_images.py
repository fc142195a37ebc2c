"""Nova and Cinder as far as they tell who uses an image, beside a cloud's real Keystone.

Small servers answer in the services' own format, the documents of their versions included, to
what the engine asks, and to nothing else. Like the services, they ask Keystone whose token it is.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import http.server
import json
import ssl
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from . import cloud, cloud_config

_MICROVERSIONS = {"compute": ("2.1", "2.96"), "volume": ("3.0", "3.71")}


@dataclasses.dataclass
class Users:
    """Who uses images.

    Attributes:
        servers: Identifiers of servers, by image.
        volumes: Identifiers of volumes, by image.
        flavors: GiB of the disks of Nova's flavors, by identifier.
        broken: Status that is answered in place of any list; 0 for none.
        asked: What was asked: path and query.
    """

    servers: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    volumes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    flavors: dict[str, int] = dataclasses.field(default_factory=dict)
    broken: int = 0
    asked: list[str] = dataclasses.field(default_factory=list)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, beside: cloud.Cloud, users: Users) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.beside = beside
        self.users = users
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        served.load_cert_chain(beside.directory / "server.pem", beside.directory / "server.key")
        self.socket = served.wrap_socket(self.socket, server_side=True)

    def is_admin(self, token: str) -> bool:
        """Ask Keystone for the roles of a token."""
        request = urllib.request.Request(
            f"{self.beside.auth_url}/auth/tokens",
            headers={"X-Auth-Token": token, "X-Subject-Token": token},
        )
        trust = ssl.create_default_context(cafile=str(self.beside.ca_path))
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            roles = json.load(answer)["token"]["roles"]
        return any(role["name"] == "admin" for role in roles)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        place = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(place.query))
        kind, _, path = place.path.removeprefix("/").partition("/")
        version, _, path = path.partition("/")
        if not path:
            self._answer(200, self._versions(kind, version))
            return
        users = self.server.users
        users.asked.append(self.path)
        admin = self.server.is_admin(self.headers["X-Auth-Token"])
        if users.broken:
            problem = {"code": users.broken, "message": "It is broken."}
            self._answer(users.broken, {"computeFault": problem})
        elif (kind, path) == ("compute", "servers"):
            self._servers(query, admin=admin)
        elif (kind, path) == ("volume", "os-services"):
            self._answer(200 if admin else 403, {"services": []})
        elif (kind, path) == ("volume", "volumes"):
            self._volumes(query, admin=admin)
        elif kind == "compute" and path.removeprefix("flavors/") in users.flavors:
            flavor = path.removeprefix("flavors/")
            self._answer(200, {"flavor": {"id": flavor, "disk": users.flavors[flavor]}})
        else:
            self._answer(404, {"itemNotFound": {"message": "not found", "code": 404}})

    def _servers(self, query: dict[str, str], *, admin: bool) -> None:
        """Answer as Nova does (``nova/api/openstack/compute/servers.py``)."""
        if query.pop("all_tenants") != "1" or not admin:
            message = "Policy doesn't allow os_compute_api:servers:index:get_all_tenants"
            self._answer(403, {"forbidden": {"code": 403, "message": message}})
            return
        found = self.server.users.servers.get(query["image"], [])[: int(query["limit"])]
        self._answer(200, {"servers": [{"id": each, "name": "s", "links": []} for each in found]})

    def _volumes(self, query: dict[str, str], *, admin: bool) -> None:
        """Answer as Cinder does (``cinder/api/v3/volumes.py``, ``cinder/volume/api.py``)."""
        # Before 3.4 it drops the filter, and shows others than admins their own volumes only.
        assert self.headers["OpenStack-API-Version"] == "volume 3.4"
        image_id = ast.literal_eval(query["glance_metadata"])["image_id"]
        found = self.server.users.volumes.get(image_id, []) if admin else []
        listed = [{"id": each, "name": "v", "links": []} for each in found[: int(query["limit"])]]
        self._answer(200, {"volumes": listed})

    def _versions(self, kind: str, version: str) -> dict[str, Any]:
        """Return the document about the versions that there are, or about one of them."""
        least, newest = _MICROVERSIONS[kind]
        name = {"compute": "v2.1", "volume": "v3"}[kind]
        known = {
            "id": f"v{least}",
            "status": "CURRENT",
            "version": newest,
            "min_version": least,
            "updated": "2013-07-23T11:33:21Z",
            "links": [{"rel": "self", "href": f"{self.server.url}/{kind}/{name}/"}],
        }
        return {"version": known} if version and kind == "compute" else {"versions": [known]}

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running(beside: cloud.Cloud) -> Iterator[Users]:
    """Have both in the catalog of a cloud until the context ends."""
    users = Users()
    with _Server(beside, users) as server, beside.admin() as admin:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        services = []
        try:
            for name, kind, path in (
                ("nova", "compute", "/compute/v2.1"),
                # The name that a catalog usually has for it.
                ("cinderv3", "volumev3", "/volume/v3"),
            ):
                service = admin.identity.create_service(name=name, type=kind)
                services.append(service)
                admin.identity.create_endpoint(
                    service_id=service.id,
                    interface="public",
                    url=server.url + path,
                    region_id=cloud_config.REGION,
                )
            yield users
        finally:
            for service in services:
                admin.identity.delete_service(service.id)
            server.shutdown()
            thread.join()
