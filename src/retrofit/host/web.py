"""Fetches from web servers: small documents, and large files that resume where they were cut."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import email.utils
import functools
import hashlib
import logging
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import thread
from typing import Protocol

import tenacity
import urllib3

from .. import __version__, errors, model
from . import authorities, http_errors, proxies, urls, web_faults

_LOG = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 30.0
# So long a server may send nothing, or next to nothing.
_STALL_S = 60.0
_LEAST_IN_TIME = 64 * 1024
_MAX_REDIRECTS = 10
# Attempts in a row that bring next to nothing new.
_ATTEMPTS = 4
_PIECE = model.MIB
_ASKED_AT_ONCE = 8
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


class Sink(Protocol):
    """Where a large file goes.

    Attributes:
        done: Bytes that it has.
        size: Bytes that it is to have; 0 where that is not known.
    """

    done: int
    size: int

    def expect(self, size: int) -> None:
        """Take note of the size that the server tells, where it was not known."""

    def write(self, piece: bytes) -> None:
        """Take what arrived."""

    def restart(self) -> None:
        """Forget what arrived: the file comes again from its beginning."""


def read(url: str, access: Access, *, limit: int) -> bytes:
    """Fetch a document.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.
        limit: Bytes that it may have at most.

    Raises:
        errors.InputMissing: It does not exist.
        errors.Denied: The server refuses it, or its certificate is not trusted.
        errors.Unavailable: The server does not answer as it should, or the document is too large.
    """
    retrying = _retrying(tenacity.stop_after_attempt(_ATTEMPTS))
    return retrying(_read, _Servers(access), url, limit)


def modified(url: str, access: Access) -> datetime.datetime | None:
    """Return when a file was changed last, ``None`` if the server does not say.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.

    Raises:
        errors.RetrofitError: As :func:`read`.
    """
    return _retrying(tenacity.stop_after_attempt(_ATTEMPTS))(_modified, _Servers(access), url)


def probe(url: str, access: Access, *, timeout_s: float) -> None:
    """Ask once, and not for long, whether a server has a document.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.
        timeout_s: How long to wait for the server.

    Raises:
        errors.RetrofitError: As :func:`read`.
    """
    servers = _Servers(access, timeout_s=timeout_s)
    with servers.opened(url, {}, method="HEAD"):
        pass


def absent(
    addresses: Iterable[str], access: Access, *, timeout_s: float
) -> dict[str, errors.RetrofitError]:
    """Ask for many files whether servers have them, side by side and without fetching them.

    Args:
        addresses: URLs, http or https; user names and passwords may be in them.
        access: How to reach the servers.
        timeout_s: How long to wait for a server.

    Returns:
        Why each of those that cannot be fetched cannot: errors as of :func:`read`.
    """
    servers = _Servers(access, timeout_s=timeout_s, at_once=_ASKED_AT_ONCE)
    asked = list(dict.fromkeys(addresses))
    with thread.ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        try:
            answers = list(pool.map(functools.partial(_fault, servers), asked))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {url: fault for url, fault in zip(asked, answers, strict=True) if fault is not None}


def fetch(url: str, access: Access, sink: Sink) -> None:
    """Fetch a large file; after a cut, only what is missing of it.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.
        sink: Where it goes.

    Raises:
        errors.InputMissing: It does not exist.
        errors.Denied: The server refuses it, or its certificate is not trusted.
        errors.Unavailable: The server does not answer as it should, time and again.
    """
    download = _Download(_Servers(access), url, sink)
    _retrying(lambda _: download.idle >= _ATTEMPTS)(download.go_on)


def digest(url: str, access: Access, algorithm: str) -> str:
    """Return the digest of a file, which is read and not kept.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.
        algorithm: Such as ``sha256``.

    Raises:
        errors.RetrofitError: As :func:`fetch`.
    """
    sink = _Digest(algorithm)
    fetch(url, access, sink)
    return sink.total.hexdigest()


class _Digest:
    """Takes a file, and keeps nothing of it but its digest."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self.done = self.size = 0
        self.restart()

    def expect(self, size: int) -> None:
        self.size = size

    def write(self, piece: bytes) -> None:
        self.total.update(piece)
        self.done += len(piece)

    def restart(self) -> None:
        self.total = hashlib.new(self._algorithm, usedforsecurity=False)
        self.done = 0


def _retrying(stop: tenacity.stop.StopBaseT) -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(http_errors.Transient),
        stop=stop,
        wait=tenacity.wait_exponential(multiplier=0.5, max=8),
        before_sleep=tenacity.before_sleep_log(_LOG, logging.INFO),
        reraise=True,
    )


class _Download:
    """A file on its way.

    Attributes:
        idle: Attempts in a row that brought next to nothing new.
    """

    def __init__(self, servers: _Servers, url: str, sink: Sink) -> None:
        self._servers = servers
        self._url = url
        self._sink = sink
        self._most = 0
        # By which the server tells whether it still has the same file (RFC 9110, section 13.1.5).
        self._validator = ""
        self.idle = 0

    def go_on(self) -> None:
        """Fetch what is missing."""
        try:
            self._fetch()
        except http_errors.Transient:
            advanced = self._sink.done >= self._most + _LEAST_IN_TIME
            self.idle = 1 if advanced else self.idle + 1
            self._most = max(self._most, self._sink.done)
            raise

    def _fetch(self) -> None:
        headers = {}
        if self._sink.done and self._validator:
            headers = {"Range": f"bytes={self._sink.done}-", "If-Range": self._validator}
        with self._servers.opened(self._url, headers) as response:
            expected = f"bytes {self._sink.done}-"
            continued = response.status == 206
            if continued and not response.headers.get("Content-Range", "").startswith(expected):
                self._sink.restart()
                raise http_errors.unreachable(self._what, "the server sent another range")
            if not continued:
                self._sink.restart()
                self._sink.expect(response.length_remaining or 0)
                self._validator = _validator(response.headers)
            for piece in _pieces(response, self._what):
                self._sink.write(piece)
        if self._sink.done < self._sink.size:
            raise http_errors.unreachable(self._what, "the server closed the connection early")

    @property
    def _what(self) -> str:
        return f"fetch {urls.shown(self._url)}"


class _Servers:
    """Web servers, reached directly or through the right proxy."""

    def __init__(
        self,
        access: Access,
        *,
        timeout_s: float | None = None,
        at_once: int = 1,
    ) -> None:
        context = authorities.context(access.ca_certificate)
        self._stall_s = timeout_s or _STALL_S
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
        """Send a request, following redirections, and give the answer while it arrives."""
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


def _fault(servers: _Servers, url: str) -> errors.RetrofitError | None:
    """Say why a file cannot be fetched; ``None`` if it can."""
    fault: errors.RetrofitError | None = None
    # Signed URLs, and some servers, answer GET alone.
    for method in ("HEAD", "GET"):
        try:
            with servers.opened(url, {}, method=method):
                return None
        except http_errors.Transient as error:
            return error
        except errors.RetrofitError as error:
            fault = error
    return fault


def _modified(servers: _Servers, url: str) -> datetime.datetime | None:
    with servers.opened(url, {}) as response:
        said = response.headers.get("Last-Modified", "")
    try:
        return email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None


def _read(servers: _Servers, url: str, limit: int) -> bytes:
    what = f"fetch {urls.shown(url)}"
    document = bytearray()
    with servers.opened(url, {}) as response:
        for piece in _pieces(response, what):
            document += piece
            if len(document) > limit:
                raise errors.Unavailable(
                    f"cannot {what}: it is larger than {limit // model.MIB} MiB",
                    hint="check the URL",
                )
    return bytes(document)


def _pieces(response: urllib3.BaseHTTPResponse, what: str) -> Iterator[bytes]:
    """Yield what arrives; a trickle is no better than silence."""
    began, arrived = time.monotonic(), 0
    while piece := response.read1(_PIECE, decode_content=False):
        yield piece
        arrived += len(piece)
        now = time.monotonic()
        if now - began > _STALL_S:
            if arrived < _LEAST_IN_TIME:
                raise web_faults.stalled(what, _STALL_S)
            began, arrived = now, 0


def _validator(headers: Mapping[str, str]) -> str:
    """Return what identifies the present content, so that it can be resumed; empty for nothing."""
    tag = headers.get("ETag", "")
    # A weak tag tells no bytes apart.
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


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
