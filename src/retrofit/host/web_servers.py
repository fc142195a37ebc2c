"""Web servers, reached directly or through proxies, as the settings say."""

from __future__ import annotations

import contextlib
import dataclasses
import urllib.parse
from collections.abc import Iterator, Mapping

import urllib3

from .. import __version__, errors, model
from . import authorities, http_errors, proxies, urls, web_faults

_CONNECT_TIMEOUT_S = 30.0
# So long a server may send nothing.
STALL_S = 60.0
_MAX_REDIRECTS = 10
_TRANSIENT_STATUSES = frozenset((408, 429, 500, 502, 503, 504))


@dataclasses.dataclass(frozen=True)
class Access:
    """How web servers are reached.

    Attributes:
        proxies: Through which proxies; the environment's do not count.
        ca_certificate: PEM text of certification authorities that are trusted in addition.
    """

    proxies: model.Proxies = dataclasses.field(default_factory=model.Proxies)
    ca_certificate: str = ""


class Servers:
    """Web servers, reached directly or through the right proxy.

    Args:
        access: How to reach them.
        timeout_s: How long to wait for one that does not accept a connection, or sends nothing.
        at_once: To how many connections are kept.
    """

    def __init__(
        self,
        access: Access,
        *,
        timeout_s: float | None = None,
        at_once: int = 1,
    ) -> None:
        context = authorities.context(access.ca_certificate)
        self._stall_s = timeout_s or STALL_S
        self._connect_s = timeout_s or _CONNECT_TIMEOUT_S
        timeout = urllib3.Timeout(connect=self._connect_s, read=self._stall_s)
        self._no_proxy = access.proxies.no_proxy
        self._direct = urllib3.PoolManager(ssl_context=context, timeout=timeout, maxsize=at_once)
        self._proxies = {
            scheme: urllib3.ProxyManager(
                url,
                ssl_context=context,
                timeout=timeout,
                maxsize=at_once,
                proxy_headers=urllib3.make_headers(proxy_basic_auth=_user(url)),
            )
            for scheme, url in (("http", access.proxies.http), ("https", access.proxies.https))
            if url
        }

    @contextlib.contextmanager
    def opened(
        self, url: str, headers: Mapping[str, str], *, method: str = "GET"
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Send a request, following redirections, and give the answer while it arrives.

        Args:
            url: The URL, http or https; user name and password may be in it.
            headers: Further headers.
            method: ``GET`` or ``HEAD``.

        Raises:
            errors.InputMissing: It does not exist.
            errors.Denied: The server refuses it, or its certificate is not trusted.
            errors.Unavailable: The server does not answer as it should.
        """
        what = f"fetch {urls.shown(url)}"
        with web_faults.mapped(what, connect_s=self._connect_s, stall_s=self._stall_s):
            response = self._follow(what, url, headers, method)
            with contextlib.closing(response):
                yield response

    def _follow(
        self, what: str, url: str, headers: Mapping[str, str], method: str
    ) -> urllib3.BaseHTTPResponse:
        sent = {"Accept-Encoding": "identity", "User-Agent": f"retrofit/{__version__}", **headers}
        for _ in range(_MAX_REDIRECTS):
            response = self._pool(url).request(
                method,
                url,
                headers=sent | urllib3.make_headers(basic_auth=_user(url)),
                redirect=False,
                retries=False,
                preload_content=False,
            )
            location = response.get_redirect_location()
            if not location:
                _check(what, response)
                return response
            response.close()
            previous, url = url, urllib.parse.urljoin(url, location)
            if not url.startswith("https://" if previous.startswith("https:") else "http"):
                raise errors.Denied(
                    f"cannot {what}: the server redirects to {urls.shown(url)}, "
                    "which is not encrypted",
                    hint="use another server",
                )
        raise errors.Unavailable(
            f"cannot {what}: the server redirects more than {_MAX_REDIRECTS} times, at last to "
            f"{urls.shown(url)}",
            hint="check the URL and the server's redirections",
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urllib.parse.urlsplit(url)
        proxy = self._proxies.get(parts.scheme)
        if proxy is None or proxies.bypassed(url, self._no_proxy):
            return self._direct
        return proxy


def _user(url: str) -> str | None:
    """Return user name and password, as ``name:password``, if they are in a URL."""
    user, separator, _ = urllib.parse.urlsplit(url).netloc.rpartition("@")
    return urllib.parse.unquote(user) if separator else None


def _check(what: str, response: urllib3.BaseHTTPResponse) -> None:
    """Refuse an answer that holds nothing of what was asked for."""
    status = response.status
    if status in (200, 206):
        return
    response.close()
    if status in (404, 410):
        raise errors.InputMissing(f"cannot {what}: the file does not exist", hint="check the URL")
    if status in (401, 403, 407):
        raise errors.Denied(
            f"cannot {what}: the server answers {status} {response.reason}",
            hint="check the URL, the server's permissions and the proxies",
        )
    if status in _TRANSIENT_STATUSES:
        raise http_errors.Transient(f"cannot {what}: the server answers {status}")
    raise errors.Unavailable(f"cannot {what}: the server answers {status}", hint="check the URL")
