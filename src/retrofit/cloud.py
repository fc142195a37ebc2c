"""An OpenStack cloud as the engine sees it: one project's view of the image service.

The only module that imports openstacksdk, and late: that costs a third of a second, which
``retrofit --help`` need not pay.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import tenacity

from . import cloud_errors, errors, model
from . import images as glance_images

if TYPE_CHECKING:
    import openstack.config.cloud_region
    import openstack.connection
    import requests

_LOG = logging.getLogger(__name__)
_P = ParamSpec("_P")
_R = TypeVar("_R")

_TIMEOUT_S = 60.0
# Glance answers an upload when its store has everything: slow stores take their time.
_UPLOAD_TIMEOUT_S = 900.0
_ATTEMPTS = 4
_PAGE = 200
_CHUNK = model.MIB
_PATCH_TYPE = "application/openstack-images-v2.1-json-patch"


def _retrying_after(
    kind: type[errors.RetrofitError],
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that repeats a function a few times within seconds after an error."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        return tenacity.retry(
            retry=tenacity.retry_if_exception_type(kind),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=0.5, max=4),
            before_sleep=tenacity.before_sleep_log(_LOG, logging.INFO),
            reraise=True,
        )(function)

    return decorate


# Decorates what may safely be repeated when a service does not answer.
retrying = _retrying_after(cloud_errors.Transient)


@dataclasses.dataclass(frozen=True)
class Options:
    """Which cloud to use, and how.

    Attributes:
        name: Entry of clouds.yaml; without one the ``OS_*`` variables count.
        region: Region of the image service; without one the cloud's default.
        interface: Endpoint type, ``public``, ``internal`` or ``admin``; without one the default.
    """

    name: str | None = None
    region: str | None = None
    interface: str | None = None


class Cloud:
    """The image service, with the rights of one user in one project; see :func:`connect`.

    Args:
        connection: Authenticated already.
        project_id: The project in which images are made.
    """

    def __init__(self, connection: openstack.connection.Connection, project_id: str) -> None:
        self._connection = connection
        self.project_id = project_id

    def images(self, filters: Iterable[tuple[str, str]]) -> Iterator[glance_images.Image]:
        """Yield the images that match all filters, newest first.

        Args:
            filters: Pairs of query parameter or property and value; ``tag`` may occur repeatedly.
        """
        query = [("sort", "created_at:desc"), ("limit", str(_PAGE)), *filters]
        page = self._send("GET", "/images", "list images", params=query).json()
        yield from map(glance_images.parse, page["images"])
        while "next" in page:
            # Glance links relative to its root, the connection to its version.
            _, _, marker = page["next"].partition("?")
            page = self._send("GET", f"/images?{marker}", "list images").json()
            yield from map(glance_images.parse, page["images"])

    def image(self, image_id: str) -> glance_images.Image:
        """Return one image.

        Raises:
            errors.InputMissing: There is none with that identifier, or not for this project.
        """
        return glance_images.parse(
            self._send("GET", f"/images/{image_id}", f"show image {image_id}").json()
        )

    def create(
        self,
        image_id: str,
        *,
        name: str,
        disk_format: str,
        properties: Iterable[tuple[str, str]],
    ) -> glance_images.Image:
        """Register an image without data, which nobody else sees.

        Args:
            image_id: Identifier that the caller chose.
            name: Its name.
            disk_format: Its format.
            properties: Its properties, as pairs.
        """
        body = {
            "id": image_id,
            "name": name,
            "disk_format": disk_format,
            "container_format": "bare",
            "visibility": "private",
            **dict(properties),
        }
        return glance_images.parse(
            self._send("POST", "/images", f"create image {name}", json=body).json()
        )

    def upload(self, image_id: str, content: io.BufferedReader) -> None:
        """Send the data of a registered image, from a file at its start."""
        self._once(
            "PUT",
            f"/images/{image_id}/file",
            f"upload image {image_id}",
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            timeout=(_TIMEOUT_S, _UPLOAD_TIMEOUT_S),
            # After a refused token the library would send what is left of the file: nothing.
            allow_reauth=False,
        )

    def download(self, image_id: str) -> Iterator[bytes]:
        """Yield the data of an image, piece by piece."""
        what = f"download image {image_id}"
        with self._once("GET", f"/images/{image_id}/file", what, stream=True) as response:
            pieces = response.iter_content(_CHUNK)
            while piece := _mapped(what, lambda: next(pieces, b"")):
                yield piece

    def patch(self, image_id: str, changes: Sequence[Mapping[str, object]]) -> glance_images.Image:
        """Change an image, all at once: operations of a JSON patch (RFC 6902)."""
        answer = self._send(
            "PATCH",
            f"/images/{image_id}",
            f"change image {image_id}",
            json=list(changes),
            headers={"Content-Type": _PATCH_TYPE},
        )
        return glance_images.parse(answer.json())

    # While Glance notices that an upload was cut, it also fails in other ways than being away.
    @_retrying_after(errors.Unavailable)
    def delete(self, image_id: str) -> None:
        """Delete an image, which may be gone already."""
        try:
            self._once("DELETE", f"/images/{image_id}", f"delete image {image_id}")
        except errors.InputMissing:
            _LOG.debug("image %s is gone already", image_id)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    @retrying
    def _send(self, method: str, path: str, what: str, **options: Any) -> requests.Response:
        """Send a request that may safely be repeated."""
        return self._once(method, path, what, **options)

    def _once(self, method: str, path: str, what: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", _TIMEOUT_S)

        def send() -> requests.Response:
            # The first use asks the service for its versions.
            service = self._connection.image
            answer: requests.Response = service.request(path, method, raise_exc=False, **options)
            return answer

        response = _mapped(what, send)
        if response.status_code >= 400:
            raise cloud_errors.refusal(what, response.status_code, response.text)
        return response


def connector(options: Options, held: contextlib.ExitStack) -> Callable[[], Cloud]:
    """Return what connects to the cloud when that is first needed, and closes it in the end."""

    @functools.cache
    def connection() -> Cloud:
        opened = connect(options.name, region=options.region, interface=options.interface)
        return held.enter_context(contextlib.closing(opened))

    return connection


def connect(cloud_name: str | None, *, region: str | None, interface: str | None) -> Cloud:
    """Authenticate, and find the image service.

    Args:
        cloud_name: Entry of clouds.yaml, which is where openstacksdk looks for it or
            ``OS_CLIENT_CONFIG_FILE`` says; ``None`` takes ``OS_CLOUD`` or ``OS_*`` variables.
        region: Region of the image service, in place of the configured one.
        interface: ``public``, ``internal`` or ``admin``, in place of the configured one.

    Raises:
        errors.ConfigError: There is no such cloud, region or endpoint, or something is missing.
        errors.Denied: The credentials or the certificate are refused.
        errors.Unavailable: Keystone does not answer.
    """
    import openstack.config
    import openstack.connection

    from . import cloud_transport

    # Prefixed with the service, as the unprefixed region must be one that clouds.yaml lists.
    wanted: dict[str, Any] = {"image_region_name": region, "image_interface": interface}
    what = f"read the settings of the cloud {cloud_name or 'that OS_* variables name'}"

    def configure() -> openstack.connection.Connection:
        given = {key: value for key, value in wanted.items() if value}
        configuration = openstack.config.OpenStackConfig().get_one(cloud=cloud_name, **given)
        connection = openstack.connection.Connection(config=configuration)
        # Without a limit a dead service would be waited for until somebody looks.
        connection.session.timeout = connection.session.timeout or _TIMEOUT_S
        connection.session.session.mount("https://", cloud_transport.Adapter())
        return connection

    connection = _mapped(what, configure)
    try:
        return Cloud(connection, _authenticate(connection))
    except BaseException:
        connection.close()
        raise


@retrying
def _authenticate(connection: openstack.connection.Connection) -> str:
    """Get a token, check that there is an image service, and return the project's identifier."""
    configuration = connection.config
    url = configuration.get_auth_args().get("auth_url", "")
    what = f"authenticate at {url}"
    plugin: Any = connection.session.auth
    access = _mapped(what, lambda: plugin.get_access(connection.session))
    if access.project_id is None:
        raise errors.ConfigError(
            "the credentials name no project, but images belong to one",
            hint="set OS_PROJECT_NAME, or project_name in clouds.yaml",
        )
    if configuration.get_endpoint("image") is None:
        _check_endpoint(configuration, access.service_catalog.get_endpoints_data("image"))
    project_id: str = access.project_id
    return project_id


def _check_endpoint(
    configuration: openstack.config.cloud_region.CloudRegion, catalogue: Mapping[str, Any]
) -> None:
    """Refuse a region or interface in which there is no image service, naming those there are.

    Args:
        configuration: The region and interface wanted.
        catalogue: Endpoints of the image service, by type of service.
    """
    endpoints = [entry for entries in catalogue.values() for entry in entries]
    region = configuration.get_region_name("image")
    interface = configuration.get_interface("image") or "public"
    regions = sorted({str(entry.region_name) for entry in endpoints})
    if not endpoints:
        raise errors.ConfigError(
            "the cloud's catalogue has no image service",
            hint="deploy Glance, or name its endpoint",
        )
    if region and region not in regions:
        raise errors.ConfigError(
            f"there is no image service in region {region}",
            hint=f"regions with one: {', '.join(regions)}",
        )
    interfaces = {entry.interface for entry in endpoints if region in (None, entry.region_name)}
    if interface not in interfaces:
        raise errors.ConfigError(
            f"the image service in region {region or regions[0]} has no {interface} endpoint",
            hint=f"it has: {', '.join(sorted(interfaces))}",
        )


def _mapped(what: str, action: Callable[[], _R]) -> _R:
    """Run an action on the cloud; what the libraries raise becomes an error of ours.

    Args:
        what: What the action attempts, as an infinitive.
        action: What to run.
    """
    import openstack.exceptions
    import requests
    from keystoneauth1 import exceptions

    try:
        return action()
    except (exceptions.SSLError, requests.exceptions.SSLError) as error:
        raise cloud_errors.tls(what, str(error)) from error
    except exceptions.DiscoveryFailure as error:
        if cloud_errors.is_tls(str(error)):
            raise cloud_errors.tls(what, str(error)) from error
        raise cloud_errors.unreachable(what, str(error)) from error
    except exceptions.HttpError as error:
        raise cloud_errors.refusal(what, error.http_status, str(error)) from error
    except (exceptions.ConnectionError, requests.RequestException) as error:
        raise cloud_errors.unreachable(what, str(error)) from error
    except (exceptions.AuthPluginException, openstack.exceptions.ConfigException) as error:
        raise errors.ConfigError(
            f"cannot {what}: {str(error).rstrip('.')}",
            hint="name an entry of clouds.yaml (--os-cloud), or set the OS_* variables",
        ) from error
    except (exceptions.ClientException, openstack.exceptions.SDKException) as error:
        raise errors.Unavailable(f"cannot {what}: {error}") from error
    except OSError as error:
        # The library reports a bundle of certificates that it cannot find so.
        raise errors.ConfigError(f"cannot {what}: {error}", hint="check cacert") from error
