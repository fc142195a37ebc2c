"""Asks web servers, many at a time, whether they have files."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable

from .. import errors
from . import http_errors, web_servers

_ASKED_AT_ONCE = 8


def absent(
    addresses: Iterable[str], access: web_servers.Access, *, timeout_s: float
) -> dict[str, errors.RetrofitError]:
    """Ask for many files whether servers have them, side by side and without fetching them.

    Args:
        addresses: URLs, http or https; user names and passwords may be in them.
        access: How to reach the servers.
        timeout_s: How long to wait for a server.

    Returns:
        Why each of those that cannot be fetched cannot: errors as of
        :func:`retrofit.host.web.read`.
    """
    servers = web_servers.Servers(access, timeout_s=timeout_s, at_once=_ASKED_AT_ONCE)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for url in dict.fromkeys(addresses):
        waiting.put(url)
    faults: dict[str, errors.RetrofitError] = {}
    # An interruption does not wait for servers; the threads of an executor would have it wait.
    threads = [
        threading.Thread(target=_ask, args=(servers, waiting, faults), daemon=True)
        for _ in range(min(_ASKED_AT_ONCE, waiting.qsize()))
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return faults


def _ask(
    servers: web_servers.Servers,
    waiting: queue.SimpleQueue[str],
    faults: dict[str, errors.RetrofitError],
) -> None:
    """Ask for one file after the other, until none is waiting."""
    with contextlib.suppress(queue.Empty):
        while True:
            url = waiting.get_nowait()
            try:
                fault = _fault(servers, url)
            except Exception as error:
                fault = errors.unexpected(error)
            if fault is not None:
                faults[url] = fault


def _fault(servers: web_servers.Servers, url: str) -> errors.RetrofitError | None:
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
