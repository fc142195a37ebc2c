"""Remote units: what applications that are related to the unit publish and answer.

Each answers with the keys of the real charm and, where a cloud stands behind it, does in the cloud
what the real charm would do.
"""

from __future__ import annotations

import dataclasses
import secrets
import urllib.parse
from typing import Any, Protocol

from tests.support.cloud import cloud as cloud_module

from . import state


class Peer(Protocol):
    """A remote application with one unit.

    Attributes:
        application: Its name.
        address: Address of its unit.
    """

    application: str
    address: str

    def answer(self, published: state.Data, /) -> state.Data:
        """Return what its unit publishes, given what our unit has published so far.

        Called after each operation, as the remote unit's own hooks would run then.
        """


@dataclasses.dataclass
class Principal:
    """The application that the subordinate accompanies; it has nothing to say."""

    application: str = "glance-simplestreams-sync"
    address: str = "127.0.0.1"

    def answer(self, _: state.Data) -> state.Data:
        return {}


@dataclasses.dataclass
class Keystone:
    """``identity-credentials``: makes the service user that is asked for."""

    cloud: cloud_module.Cloud
    application: str = "keystone"
    address: str = "127.0.0.1"
    _given: dict[tuple[str, ...], state.Data] = dataclasses.field(default_factory=dict)

    def answer(self, published: state.Data) -> state.Data:
        wanted = tuple(published.get(key, "") for key in ("username", "project", "domain"))
        if not all(wanted):
            return {}
        roles = published.get("requested_roles", "admin")
        request = (*wanted, roles)
        if request not in self._given:
            self._given[request] = self._create(*wanted, roles=roles.split(","))
        return self._given[request]

    def _create(self, username: str, project: str, domain: str, *, roles: list[str]) -> state.Data:
        """Make the user, or give the one there a password, and return what to publish."""
        password = secrets.token_urlsafe(24)
        with self.cloud.admin() as connection:
            identity = connection.identity
            domain_id = _ensure(identity.find_domain, identity.create_domain, domain).id
            project_id = _ensure(
                identity.find_project, identity.create_project, project, domain_id=domain_id
            ).id
            user = _ensure(identity.find_user, identity.create_user, username, domain_id=domain_id)
            identity.update_user(user.id, password=password, default_project_id=project_id)
            for role in roles:
                role_id = identity.find_role(role, ignore_missing=False).id
                identity.assign_project_role_to_user(project_id, user.id, role_id)
        url = urllib.parse.urlsplit(self.cloud.auth_url)
        endpoint = {"protocol": url.scheme, "host": url.hostname, "port": str(url.port)}
        return {
            **{
                f"{kind}_{key}": value
                for kind in ("auth", "credentials")
                for key, value in endpoint.items()
            },
            "credentials_username": username,
            "credentials_password": password,
            "credentials_project": project,
            "credentials_project_id": project_id,
            "credentials_user_domain_name": domain,
            "credentials_user_domain_id": domain_id,
            "credentials_project_domain_name": domain,
            "credentials_project_domain_id": domain_id,
            "api_version": "3",
            "region": cloud_module.REGION,
            "domain": domain,
        }


@dataclasses.dataclass
class Glance:
    """``image-service``: says where Glance is."""

    cloud: cloud_module.Cloud
    application: str = "glance"
    address: str = "127.0.0.1"

    def answer(self, _: state.Data) -> state.Data:
        return {"glance-api-server": self.cloud.image_url, "glance-api-ready": "yes"}


@dataclasses.dataclass
class Vault:
    """``certificates``: hands out the authority that signed the cloud's certificates."""

    cloud: cloud_module.Cloud
    application: str = "vault"
    address: str = "127.0.0.1"

    def answer(self, _: state.Data) -> state.Data:
        return {"ca": self.cloud.ca_path.read_text(), "chain": ""}


def _ensure(find: Any, create: Any, name: str, **where: str) -> Any:
    """Return Keystone's object of a name; make it where there is none."""
    return find(name, ignore_missing=True, **where) or create(name=name, **where)
