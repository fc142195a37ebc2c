"""A server that asks for certificates as the amphora agent does, and answers what a test says."""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import ssl
import threading
from collections.abc import Iterator


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was sent."""

    def _answer(self) -> None:
        assert isinstance(self.server, AgentServer)
        length = int(self.headers.get("Content-Length", 0))
        kind = self.headers.get("Content-Type")
        request = (self.command, self.path, kind, self.rfile.read(length).decode())
        self.server.requests.append(request)
        answers = self.server.answers.get(self.path, [(404, b'{"error": "404 Not Found"}')])
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 (names are the library's)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class AgentServer(http.server.ThreadingHTTPServer):
    """Asks for a client's certificate during the handshake, as the agent does.

    Args:
        certificate: File with its certificate and key.
        client_ca: File with the certificate of the authority that clients are vouched for by.
        asks: Whether it insists on a client's certificate.

    Attributes:
        answers: Status and body of the answers to each path; the last one stays.
        requests: Method, path, content type and body of each request.
    """

    daemon_threads = True

    def __init__(
        self,
        certificate: pathlib.Path,
        client_ca: pathlib.Path,
        *,
        asks: ssl.VerifyMode = ssl.CERT_REQUIRED,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, str | None, str]] = []
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate)
        context.load_verify_locations(client_ca)
        context.verify_mode = asks
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, *_: object) -> None:
        """Say nothing: that clients are refused is what is tested."""


@contextlib.contextmanager
def serving(server: AgentServer) -> Iterator[AgentServer]:
    """Serve as long as the context lasts."""
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
