"""The relation to keystone: which user this charm asks for, and what it got."""

from __future__ import annotations

import ops

from charms.octavia_diskimage_retrofit.v0 import keystone_credentials
from relations import endpoints

_ENDPOINT = "identity-credentials"


class IdentityCredentials:
    """The service user that builds run as; named as in the existing charm."""

    def __init__(self, charm: ops.CharmBase) -> None:
        self._requirer = keystone_credentials.KeystoneCredentialsRequirer(charm, _ENDPOINT)

    def request(self) -> None:
        """Ask keystone for the user, where it is related."""
        self._requirer.request(
            username="octavia-diskimage-retrofit", project="services", domain="service_domain"
        )

    def get(self) -> keystone_credentials.Credentials | None:
        """Return the user's credentials, if keystone has given them."""
        return self._requirer.credentials()

    def problem(self) -> ops.StatusBase | None:
        """Return what keeps the relation from being of use, if anything does."""
        if not self._requirer.related:
            return ops.BlockedStatus(f"missing relation {_ENDPOINT}: relate this to keystone")
        credentials = self.get()
        if credentials is None:
            return ops.WaitingStatus(f"waiting for keystone to answer on {_ENDPOINT}")
        if not endpoints.is_url(credentials.auth_url):
            return ops.BlockedStatus(
                f"wrong data of the relation {_ENDPOINT}: auth_protocol, auth_host and auth_port "
                f"are not those of a URL: {credentials.auth_url}"
            )
        return None
