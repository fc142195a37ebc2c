# Copyright 2026 The octavia-diskimage-retrofit authors.
# SPDX-License-Identifier: Apache-2.0
"""Requirer's side of the ``keystone-credentials`` interface.

Keystone's charm gives a service user to whoever asks for one, in **unit** data and in plain
strings. There is no package with this side of the interface, hence a library of its own.

Usage, with ``identity-credentials: {interface: keystone-credentials}`` in charmcraft.yaml::

    from charms.octavia_diskimage_retrofit.v0 import keystone_credentials

    self.keystone = keystone_credentials.KeystoneCredentialsRequirer(self)
    ...
    self.keystone.request(username="my-service", project="services", domain="service_domain")
    credentials = self.keystone.credentials()
    if credentials is None:
        ...  # keystone has not answered yet

The library raises no events of its own: call both methods whenever the relation's own events, or
any other, come in.
"""

from __future__ import annotations

import dataclasses

import ops

LIBID = "8b78fb2fe54644b4b837ee288eb17b0b"
LIBAPI = 0
LIBPATCH = 1


@dataclasses.dataclass(frozen=True)
class Credentials:
    """A service user and where to authenticate it.

    Attributes:
        auth_url: Identity endpoint, version 3.
        username: Name of the user.
        password: Password of the user; never shown by ``repr``.
        project: Name of the project.
        user_domain: Name of the user's domain.
        project_domain: Name of the project's domain.
    """

    auth_url: str
    username: str
    password: str = dataclasses.field(repr=False)
    project: str
    user_domain: str
    project_domain: str


class KeystoneCredentialsRequirer:
    """Asks keystone for a service user, and reads the answer.

    Args:
        charm: The charm that has the endpoint.
        endpoint: Name of the endpoint in charmcraft.yaml.
    """

    def __init__(self, charm: ops.CharmBase, endpoint: str = "identity-credentials") -> None:
        self._charm = charm
        self._endpoint = endpoint

    @property
    def related(self) -> bool:
        """Whether the relation is there."""
        return bool(self._charm.model.relations[self._endpoint])

    def request(
        self, *, username: str, project: str, domain: str, requested_roles: str = ""
    ) -> None:
        """Ask for a user; asking again changes nothing.

        Args:
            username: Name of the service user.
            project: Project the user gets its role in.
            domain: Domain of user and project.
            requested_roles: Roles, comma separated; empty leaves the choice to keystone.
        """
        wanted = {"username": username, "project": project, "domain": domain}
        if requested_roles:
            wanted["requested_roles"] = requested_roles
        for relation in self._charm.model.relations[self._endpoint]:
            relation.data[self._charm.unit].update(wanted)

    def credentials(self) -> Credentials | None:
        """Return what keystone gave, or ``None`` before it answered completely."""
        for relation in self._charm.model.relations[self._endpoint]:
            # Every unit of keystone publishes the same; the order makes the choice repeatable.
            for unit in sorted(relation.units, key=lambda unit: unit.name):
                credentials = _parse(relation.data[unit])
                if credentials is not None:
                    return credentials
        return None


def _parse(data: ops.RelationDataContent) -> Credentials | None:
    """Return the credentials in a unit's data, or ``None`` if a part is missing."""
    host = data.get("auth_host", "")
    literal = f"[{host}]" if ":" in host and not host.startswith("[") else host
    domain = data.get("domain", "")
    fields = {
        "username": data.get("credentials_username", ""),
        "password": data.get("credentials_password", ""),
        "project": data.get("credentials_project", ""),
        "user_domain": data.get("credentials_user_domain_name", domain),
        "project_domain": data.get("credentials_project_domain_name", domain),
    }
    endpoint = (data.get("auth_protocol", ""), literal, data.get("auth_port", ""))
    if not all(endpoint) or not all(fields.values()):
        return None
    protocol, host, port = endpoint
    return Credentials(auth_url=f"{protocol}://{host}:{port}/v3", **fields)
