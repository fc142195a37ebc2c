"""Connects to a cloud: its settings, a token, and whether there is an image service."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import errors
from . import project, service

if TYPE_CHECKING:
    import openstack.config.cloud_region
    import openstack.connection
    from keystoneauth1 import access


@dataclasses.dataclass(frozen=True)
class Options:
    """Which cloud to use, and how.

    Attributes:
        name: Entry of clouds.yaml; without one the ``OS_*`` variables count.
        region: Region of the services; without one the cloud's default.
        interface: Endpoint type, ``public``, ``internal`` or ``admin``; without one the default.
    """

    name: str | None = None
    region: str | None = None
    interface: str | None = None


def connector(options: Options, held: contextlib.ExitStack) -> Callable[[], project.Cloud]:
    """Return what connects to the cloud when that is first needed, and closes it in the end."""

    @functools.cache
    def connection() -> project.Cloud:
        opened = connect(options.name, region=options.region, interface=options.interface)
        return held.enter_context(contextlib.closing(opened))

    return connection


def connect(cloud_name: str | None, *, region: str | None, interface: str | None) -> project.Cloud:
    """Authenticate, and find the image service.

    Args:
        cloud_name: Entry of clouds.yaml, which is where openstacksdk looks for it or
            ``OS_CLIENT_CONFIG_FILE`` says; ``None`` takes ``OS_CLOUD`` or ``OS_*`` variables.
        region: Region of the services, in place of the configured one.
        interface: ``public``, ``internal`` or ``admin``, in place of the configured one.

    Raises:
        errors.ConfigError: There is no such cloud, region or endpoint, or something is missing.
        errors.Denied: The credentials or the certificate are refused.
        errors.Unavailable: Keystone does not answer.
    """
    connection = configure(Options(cloud_name, region, interface))
    try:
        granted = service.retrying(authenticate)(connection)
        check_endpoint(connection.config, granted.service_catalog)
        return project.Cloud(connection, str(granted.project_id))
    except BaseException:
        connection.close()
        raise


def configure(
    options: Options, *, timeout_s: float = service.TIMEOUT_S
) -> openstack.connection.Connection:
    """Read a cloud's settings, without asking it for anything.

    Args:
        options: Which cloud.
        timeout_s: How long to wait for an answer where the settings do not say.

    Raises:
        errors.ConfigError: There is no such cloud, or something is missing.
    """
    import openstack.config
    import openstack.connection

    from . import transport

    # Prefixed with the service, as the unprefixed region must be one that clouds.yaml lists.
    wanted: dict[str, Any] = {
        f"{kind}_{key}": value
        for kind in project.KINDS
        for key, value in (("region_name", options.region), ("interface", options.interface))
    }
    what = f"read the settings of the cloud {options.name or 'of the OS_* variables'}"

    def connection() -> openstack.connection.Connection:
        given = {key: value for key, value in wanted.items() if value}
        configuration = openstack.config.OpenStackConfig().get_one(cloud=options.name, **given)
        made = openstack.connection.Connection(config=configuration)
        # Without a limit a dead service would be waited for until somebody looks.
        made.session.timeout = made.session.timeout or timeout_s
        transport.equip(made.session.session)
        return made

    return service.mapped(what, connection)


def authenticate(connection: openstack.connection.Connection) -> access.AccessInfoV3:
    """Get a token of a project, and return what it says.

    Raises:
        errors.ConfigError: The credentials have no project.
        errors.Denied: The credentials or the certificate are refused.
        errors.Unavailable: Keystone does not answer.
    """
    url = connection.config.get_auth_args().get("auth_url", "")
    plugin: Any = connection.session.auth
    granted: access.AccessInfoV3 = service.mapped(
        f"authenticate at {url}", lambda: plugin.get_access(connection.session)
    )
    if granted.project_id is None:
        raise errors.ConfigError(
            "the credentials have no project",
            hint="set OS_PROJECT_NAME, or project_name in clouds.yaml",
        )
    return granted


def check_endpoint(configuration: openstack.config.cloud_region.CloudRegion, catalog: Any) -> None:
    """Refuse a region or interface in which there is no image service, naming those there are.

    Args:
        configuration: The region and interface wanted.
        catalog: The catalog of a token.

    Raises:
        errors.ConfigError: There is none, and the settings name no endpoint in its place.
    """
    if configuration.get_endpoint("image") is not None:
        return
    listed: Mapping[str, Any] = catalog.get_endpoints_data("image")
    endpoints = [entry for entries in listed.values() for entry in entries]
    region = configuration.get_region_name("image")
    interface = configuration.get_interface("image") or "public"
    regions = sorted({str(entry.region_name) for entry in endpoints})
    if not endpoints:
        raise errors.ConfigError(
            "the cloud's catalog has no image service",
            hint="deploy Glance, or set its endpoint",
        )
    if region and region not in regions:
        raise errors.ConfigError(
            f"no image service is available in region {region}",
            hint=f"regions with one: {', '.join(regions)}",
        )
    interfaces = {entry.interface for entry in endpoints if region in (None, entry.region_name)}
    if interface not in interfaces:
        raise errors.ConfigError(
            f"the image service in region {region or regions[0]} has no {interface} endpoint",
            hint=f"it has: {', '.join(sorted(interfaces))}",
        )
