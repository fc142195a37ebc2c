"""One request over HTTP/2."""

from __future__ import annotations

import http.client
import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions

ALPN = "h2"
_STREAM = 1
_CHUNK = 65536


def get(connection: socket.socket, authority: str, path: str) -> tuple[dict[str, str], bytes]:
    """Make a request over a new connection.

    Args:
        connection: A TLS connection on which HTTP/2 was agreed.
        authority: Whom it is for.
        path: Path of the request.

    Returns:
        The answer's fields, ``:status`` among them, and its body.

    Raises:
        OSError: The connection was cut, or the answer took too long.
        http.client.HTTPException: The answer is not HTTP/2, or ended early.
    """
    fields: dict[str, str] = {}
    body = b""
    speaking = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    speaking.initiate_connection()
    asked = {":method": "GET", ":path": path, ":scheme": "https", ":authority": authority}
    speaking.send_headers(_STREAM, list(asked.items()), end_stream=True)
    while True:
        connection.sendall(speaking.data_to_send())
        data = connection.recv(_CHUNK)
        if not data:
            raise http.client.HTTPException("the connection ended before the answer did")
        try:
            events = speaking.receive_data(data)
        except h2.exceptions.H2Error as error:
            raise http.client.HTTPException(f"no HTTP/2: {error}") from error
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                fields = {str(name): str(value) for name, value in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
                speaking.acknowledge_received_data(event.flow_controlled_length, _STREAM)
            elif isinstance(event, h2.events.StreamEnded):
                return fields, body
            elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                raise http.client.HTTPException(f"HTTP/2 ends with error {event.error_code}")
