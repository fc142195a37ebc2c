"""Fetches from web servers: small documents, and large files that resume where they were cut."""

from __future__ import annotations

import datetime
import email.utils
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import tenacity
import urllib3

from .. import errors, model
from . import http_errors, urls, web_faults, web_servers
from .web_servers import Access as Access

_LOG = logging.getLogger(__name__)

# What a server sends in the time in which it may be silent is no better than silence below this.
_LEAST_IN_TIME = 64 * 1024
# Attempts in a row that bring next to nothing new.
_ATTEMPTS = 4
_PIECE = model.MIB


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
    return retrying(_read, web_servers.Servers(access), url, limit)


def modified(url: str, access: Access) -> datetime.datetime | None:
    """Return when a file was changed last, ``None`` if the server does not say.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.

    Raises:
        errors.RetrofitError: As :func:`read`.
    """
    return _retrying(tenacity.stop_after_attempt(_ATTEMPTS))(
        _modified, web_servers.Servers(access), url
    )


def probe(url: str, access: Access, *, timeout_s: float) -> None:
    """Ask once, and not for long, whether a server has a document.

    Args:
        url: Its URL, http or https; user name and password may be in it.
        access: How to reach the server.
        timeout_s: How long to wait for the server.

    Raises:
        errors.RetrofitError: As :func:`read`.
    """
    servers = web_servers.Servers(access, timeout_s=timeout_s)
    with servers.opened(url, {}, method="HEAD"):
        pass


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
    download = _Download(web_servers.Servers(access), url, sink)
    _retrying(lambda _: download.idle >= _ATTEMPTS)(download.go_on)


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

    def __init__(self, servers: web_servers.Servers, url: str, sink: Sink) -> None:
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


def _modified(servers: web_servers.Servers, url: str) -> datetime.datetime | None:
    with servers.opened(url, {}) as response:
        said = response.headers.get("Last-Modified", "")
    try:
        return email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None


def _read(servers: web_servers.Servers, url: str, limit: int) -> bytes:
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
        if now - began > web_servers.STALL_S:
            if arrived < _LEAST_IN_TIME:
                raise web_faults.stalled(what, web_servers.STALL_S)
            began, arrived = now, 0


def _validator(headers: Mapping[str, str]) -> str:
    """Return what identifies the present content, so that it can be resumed; empty for nothing."""
    tag = headers.get("ETag", "")
    # A weak tag tells no bytes apart.
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")
