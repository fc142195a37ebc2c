"""Whether a cloud can be used to publish images: asked briefly, and nothing is asked twice.

This is the cheap part of ``retrofit doctor``: some seven requests, none of which changes anything.
A wrong password is known in a second; a server that does not answer is waited for once.

The charm asks it, too, when credentials or options change (``workload/cloud_questions.py``). The
identifiers of the checks (:data:`CHECKS`) do not change.
"""

from __future__ import annotations

import contextlib
import os
import urllib.parse
from typing import TYPE_CHECKING

from .. import errors
from ..host import tls_peers
from ..model import diagnosis
from . import connecting, project, service

if TYPE_CHECKING:
    import openstack.connection
    from keystoneauth1 import access as keystone_access
    from openstack import proxy

TIMEOUT_S = 10.0

# The checks in their order, each with those that come first.
CHECKS: dict[str, tuple[str, ...]] = {
    "settings": (),
    "identity-endpoint": ("settings",),
    "identity-authority": ("identity-endpoint",),
    "credentials": ("identity-authority",),
    "region": ("credentials",),
    "image-endpoint": ("credentials", "region"),
    "image-authority": ("image-endpoint",),
    "image-service": ("image-authority",),
    "publishing": ("credentials",),
}

# Roles as Keystone and Glance know them (secure RBAC), and as they were called before.
_MAY_PUBLISH = frozenset(("admin", "manager", "member", "_member_"))
_MAY_ONLY_READ = frozenset(("reader", "auditor"))
# What requests takes for a setting of its own.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def check(options: connecting.Options) -> tuple[diagnosis.Finding, ...]:
    """Return what is to be said of the access to a cloud; this never fails.

    Args:
        options: Which cloud.
    """
    with contextlib.closing(Access(options)) as access:
        return diagnosis.in_order(access.checks())


class Access:
    """The access to a cloud, as far as its checks have got.

    Args:
        options: Which cloud.
    """

    def __init__(self, options: connecting.Options) -> None:
        self._options = options
        self._opened: openstack.connection.Connection | None = None
        self._granted: keystone_access.AccessInfoV3 | None = None

    def checks(self) -> tuple[diagnosis.Check, ...]:
        """Return the checks, in the order in which they are to be made."""
        questions = (
            self._settings,
            self._identity_endpoint,
            self._identity_authority,
            self._credentials,
            self._region,
            self._image_endpoint,
            self._image_authority,
            self._image_service,
            self._publishing,
        )
        return tuple(
            diagnosis.Check(name, question, needs)
            for (name, needs), question in zip(CHECKS.items(), questions, strict=True)
        )

    def cloud(self) -> project.Cloud:
        """Return the cloud, once the credentials are accepted."""
        return project.Cloud(self._connection, str(self._access.project_id))

    def images(self) -> proxy.Proxy:
        """Return the library's image service, once the settings are read."""
        return self._connection.image

    def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _connection(self) -> openstack.connection.Connection:
        assert self._opened is not None
        return self._opened

    @property
    def _access(self) -> keystone_access.AccessInfoV3:
        assert self._granted is not None
        return self._granted

    @property
    def _auth_url(self) -> str:
        url: str = self._connection.config.get_auth_args().get("auth_url", "")
        return url

    @property
    def _image_url(self) -> str:
        """The image service's URL without its path, which is all that TLS is about."""
        return str(self._connection.endpoint_for("image"))

    def _settings(self) -> str:
        self._opened = connecting.configure(self._options, timeout_s=TIMEOUT_S)
        which = self._options.name or self._connection.config.name or "of the environment"
        return f"cloud {which}: {self._auth_url}"

    def _identity_endpoint(self) -> str:
        return _connected(self._auth_url)

    def _identity_authority(self) -> str:
        return self._authority(self._auth_url)

    def _credentials(self) -> str:
        self._granted = connecting.authenticate(self._connection)
        names = self._granted
        return f"user {names.username} in project {names.project_name} ({names.project_id})"

    def _region(self) -> str:
        wanted = self._connection.config.get_region_name("image")
        catalog = self._access.service_catalog.get_endpoints_data()
        regions = sorted({str(each.region_name) for kind in catalog.values() for each in kind})
        known = ", ".join(regions)
        if wanted and wanted not in regions:
            raise errors.ConfigError(
                f"the cloud's catalog has no region {wanted}", hint=f"use one of its: {known}"
            )
        return f"{wanted or 'any'}; the catalog has {known}"

    def _image_endpoint(self) -> str:
        connecting.check_endpoint(self._connection.config, self._access.service_catalog)
        return _connected(self._image_url)

    def _image_authority(self) -> str:
        return self._authority(self._image_url)

    def _image_service(self) -> str:
        images = service.Service(self.images)
        images.once("GET", "/images", "list images", params={"limit": "1"}, timeout=TIMEOUT_S)
        return f"Glance answers at {self._image_url}"

    def _publishing(self) -> str:
        """Judge by the roles: Glance's policy says more only to who writes."""
        roles = sorted(self._access.role_names or ())
        told, lowered = ", ".join(roles), {role.lower() for role in roles}
        if lowered & _MAY_PUBLISH:
            return f"roles {told}: Glance lets them create and tag images"
        if lowered <= _MAY_ONLY_READ:
            raise errors.Denied(
                f"roles {told}: Glance lets them only read images",
                hint="grant the user the role member or admin in its project",
            )
        raise diagnosis.NotChecked(f"roles {told}: only Glance knows what they may")

    def _authority(self, url: str) -> str:
        verify = self._connection.session.verify
        where = _origin(url)
        if not url.startswith("https:"):
            raise diagnosis.NotChecked(f"{where} has no TLS: nothing protects what is sent")
        if verify is False:
            raise diagnosis.NotChecked("the settings say that TLS is not to be verified")
        via = tls_peers.proxy(url)
        if via:
            raise diagnosis.NotChecked(f"{where} is reached through a proxy")
        bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), "")
        ca_file = verify if isinstance(verify, str) else bundle
        signer, store = tls_peers.trusted_by(where, ca_file, timeout_s=TIMEOUT_S)
        return f"{where} is signed by {signer}, which is in {store}"


def _connected(url: str) -> str:
    """Return that a server accepts connections."""
    where = _origin(url)
    if tls_peers.proxy(url):
        return f"{where}, through a proxy"
    tls_peers.connect(where, timeout_s=TIMEOUT_S)
    return f"{where} accepts connections"


def _origin(url: str) -> str:
    """Return a URL without its path and what may be a password in it."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
