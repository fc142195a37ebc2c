"""One service of a cloud: requests, what is repeated, and what its refusals mean."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import tenacity

from .. import errors
from ..host import http_errors
from . import refusals

if TYPE_CHECKING:
    import requests
    from openstack import proxy

_LOG = logging.getLogger(__name__)
_P = ParamSpec("_P")
_R = TypeVar("_R")

TIMEOUT_S = 60.0
_ATTEMPTS = 4


def retrying_after(
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
retrying = retrying_after(http_errors.Transient)


class Service:
    """A service of a cloud, with the rights of one user in one project.

    Args:
        find: Finds the service; its first use asks the service for its versions.
    """

    def __init__(self, find: Callable[[], proxy.Proxy]) -> None:
        self._find = find

    @retrying
    def send(self, method: str, path: str, what: str, **options: Any) -> requests.Response:
        """Send a request that may safely be repeated.

        Args:
            method: Such as ``GET``.
            path: Below the root of the service's version, such as ``/images``.
            what: What is attempted, as an infinitive.
            **options: Of :meth:`requests.Session.request`.

        Raises:
            errors.RetrofitError: The service does not answer, or refuses
                (:func:`retrofit.cloud.refusals.refusal`).
        """
        return self.once(method, path, what, **options)

    def once(self, method: str, path: str, what: str, **options: Any) -> requests.Response:
        """Send a request, and do not repeat it; see :meth:`send`."""
        options.setdefault("timeout", TIMEOUT_S)

        def send() -> requests.Response:
            answer: requests.Response = self._find().request(
                path, method, raise_exc=False, **options
            )
            return answer

        response = mapped(what, send)
        if response.status_code >= 400:
            raise refusals.refusal(what, response.status_code, response.text)
        return response

    def versions(self, what: str, *, timeout_s: float) -> tuple[str, ...]:
        """Return the identifiers of the API's versions that it lists, such as ``v2.27``.

        Args:
            what: What is attempted, as an infinitive.
            timeout_s: How long to wait for an answer.

        Raises:
            errors.RetrofitError: As :meth:`once`.
        """
        endpoint = str(mapped(what, lambda: self._find().get_endpoint()))
        root = re.sub(r"/v\d[\d.]*/?$", "", endpoint).rstrip("/")
        answer = self.once("GET", f"{root}/", what, timeout=timeout_s).json()
        return tuple(str(each["id"]) for each in answer["versions"])

    def download(self, path: str, what: str, chunk: int) -> Iterator[bytes]:
        """Yield the body of an answer in pieces of at most so many bytes."""
        with contextlib.closing(self.once("GET", path, what, stream=True)) as response:
            pieces = response.iter_content(chunk)
            while piece := mapped(what, lambda: next(pieces, b"")):
                yield piece


def mapped(what: str, action: Callable[[], _R]) -> _R:
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
        raise http_errors.tls(what, str(error)) from error
    except exceptions.DiscoveryFailure as error:
        if http_errors.is_tls(str(error)):
            raise http_errors.tls(what, str(error)) from error
        raise http_errors.unreachable(what, str(error)) from error
    except exceptions.HttpError as error:
        raise refusals.refusal(what, error.http_status, str(error)) from error
    except (exceptions.ConnectionError, requests.RequestException) as error:
        raise http_errors.unreachable(what, str(error)) from error
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
