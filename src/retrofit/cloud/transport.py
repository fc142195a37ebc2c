"""How requests to a cloud are sent over TLS.

Servers are verified by the system's store of authorities, and by the cloud's own authority in
addition; requests' default is a collection of its own in place of the first, and the second alone.

A refusal that a server sends before it has read the whole upload gets through. Glance answers 413
as soon as it knows that an image is too large, and closes the connection while the client still
writes. urllib3 then reads the answer, but only if writing failed with a broken pipe: over TLS it
fails with an error of TLS, and the reason would be lost.
"""

from __future__ import annotations

import ssl
from typing import Any

import requests.adapters
import urllib3.connection

from ..host import authorities


class _Connection(urllib3.connection.HTTPSConnection):
    def send(self, data: Any) -> None:
        """Write; a connection that the server closed is a broken pipe, with TLS or without."""
        try:
            super().send(data)
        except ssl.SSLEOFError as error:
            raise BrokenPipeError(*error.args) from error


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Connection


class Adapter(requests.adapters.HTTPAdapter):
    """What a session sends its requests over TLS with."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Have the connections made that this module is about."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Verify by the system's store, and by the cloud's own authority if there is one.

        A cloud that is not to be verified keeps the library's way: a context of ours is one that
        verifies.
        """
        super().cert_verify(conn, url, verify, cert)
        if verify:
            conn.conn_kw.setdefault("ssl_context", authorities.context())
        if verify is True:
            conn.ca_certs = None  # the library's own collection


def equip(session: requests.Session) -> None:
    """Have a session send its requests by new connections."""
    session.mount("https://", Adapter())
    session.mount("http://", requests.adapters.HTTPAdapter())
