"""A web server on loopback that can cut, stall and redirect, and remembers what it sent."""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import hashlib
import http.server
import pathlib
import ssl
import threading
import urllib.parse
from collections.abc import Iterator

from . import authority

_STALL_S = 30.0
_PAUSE_S = 0.02


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer.

    Attributes:
        after: Bytes of the body that are sent before.
        stall: Whether nothing more is sent then; otherwise the connection is closed.
        trickle: Whether the rest is sent a byte at a time, with pauses.
    """

    after: int
    stall: bool = False
    trickle: bool = False


@dataclasses.dataclass
class Answer:
    """A request and what was sent for it.

    Attributes:
        path: What was asked for.
        first: Where the bytes sent begin.
        sent: How many were sent.
    """

    path: str
    first: int = 0
    sent: int = 0


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of a directory; of directories in it their ``index.html``.

    Attributes:
        url: Base URL.
        faults: What goes wrong with the next answers, by path.
        redirections: Where else a path leads.
        password: What clients have to give as ``name:password``, if anything.
        only_get: Whether HEAD is refused, as for signed URLs.
        unsized: Whether answers do not tell how large they are.
        answers: What was asked for so far.
    """

    daemon_threads = True

    def __init__(self, directory: pathlib.Path, signer: authority.Authority | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = directory
        self.faults: dict[str, collections.deque[Fault]] = collections.defaultdict(
            collections.deque
        )
        self.redirections: dict[str, str] = {}
        self.password = ""
        self.only_get = False
        self.unsized = False
        self.answers: list[Answer] = []
        self.ended = threading.Event()
        scheme = "http"
        if signer is not None:
            scheme = "https"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*signer.issue("web"))
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server_port}/"

    def of(self, path: str) -> list[Answer]:
        """Return what was sent of one file."""
        return [answer for answer in self.answers if answer.path == path]


@contextlib.contextmanager
def serving(
    directory: pathlib.Path, *, signer: authority.Authority | None = None
) -> Iterator[Server]:
    """Serve a directory; over TLS if an authority is given to sign the certificate."""
    with Server(directory, signer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        if self.server.only_get:
            self.send_error(403)
            return
        self.do_GET()

    def do_GET(self) -> None:
        # A proxy is asked with the whole URL.
        path = urllib.parse.urlsplit(self.path).path.lstrip("/")
        answer = Answer(path)
        self.server.answers.append(answer)
        password = base64.b64encode(self.server.password.encode()).decode()
        if password and self.headers.get("Authorization") != f"Basic {password}":
            self.send_error(401)
            return
        if path in self.server.redirections:
            self.send_response(302)
            self.send_header("Location", self.server.redirections[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = self.server.directory / path
        if file.is_dir():
            file /= "index.html"
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        wanted = self.headers.get("Range", "")
        if wanted and self.headers.get("If-Range", tag) == tag:
            answer.first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if answer.first else 200)
        if answer.first:
            place = f"bytes {answer.first}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", place)
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", self.date_time_string(file.stat().st_mtime))
        if self.server.unsized:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(content) - answer.first))
        self.end_headers()
        if self.command == "GET":
            self._send(content[answer.first :], answer)

    def _send(self, content: bytes, answer: Answer) -> None:
        faults = self.server.faults[answer.path]
        fault = faults.popleft() if faults else None
        part = content if fault is None else content[: fault.after]
        # Who asked may have had enough.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(part)
            self.wfile.flush()
        answer.sent = len(part)
        if fault is not None and fault.stall:
            self.server.ended.wait(_STALL_S)
        if fault is not None and fault.trickle:
            self._trickle(content[fault.after :])
        self.close_connection = fault is not None or self.server.unsized

    def _trickle(self, content: bytes) -> None:
        for byte in content:
            try:
                self.wfile.write(bytes((byte,)))
            except OSError:
                return
            if self.server.ended.wait(_PAUSE_S):
                return

    def log_message(self, *args: object) -> None:
        """Say nothing."""
