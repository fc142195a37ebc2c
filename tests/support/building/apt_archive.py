"""A signed package archive of names and versions only, for those who ask but install nothing."""

from __future__ import annotations

import base64
import contextlib
import datetime
import email.utils
import functools
import hashlib
import http.server
import math
import os
import pathlib
import threading
from collections.abc import Iterator, Mapping

from ..base_images import stream_tree

ARCHITECTURE = "amd64"


class Archive:
    """An archive with suites.

    Attributes:
        directory: Where its files are.
    """

    def __init__(self, directory: pathlib.Path, signer: stream_tree.Signer) -> None:
        self.directory = directory
        self._signer = signer
        self._published = 0

    def publish(
        self,
        suite: str,
        versions: Mapping[str, str],
        *,
        date: datetime.datetime | None = None,
        days: int = 7,
        snapshots: str = "",
    ) -> pathlib.Path:
        """Publish a suite anew.

        Args:
            suite: Its name.
            versions: Version of each package in it.
            date: When it is published; ``None`` for now.
            days: How long it is valid then.
            snapshots: What it says of where its snapshots are; empty for nothing.

        Returns:
            The signed file.
        """
        index = "".join(
            f"Package: {name}\nVersion: {version}\nArchitecture: {ARCHITECTURE}\n"
            f"Filename: pool/{name}.deb\nSize: 1\nSHA256: {'0' * 64}\n\n"
            for name, version in versions.items()
        ).encode()
        place = self.directory / "dists" / suite
        name = f"main/binary-{ARCHITECTURE}/Packages"
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(index)
        published = date or datetime.datetime.now(datetime.UTC)
        fields = {
            "Suite": suite,
            "Codename": suite,
            "Date": email.utils.format_datetime(published, usegmt=True),
            "Valid-Until": email.utils.format_datetime(
                published + datetime.timedelta(days), usegmt=True
            ),
            "Architectures": ARCHITECTURE,
            "Components": "main",
            "SHA256": f"\n {hashlib.sha256(index).hexdigest()} {len(index)} {name}",
        }
        if snapshots:
            fields["Snapshots"] = snapshots
        release = "".join(f"{field}: {value}\n" for field, value in fields.items())
        self._signer.sign(release, place / "InRelease")
        # By whole seconds those who ask for what is newer know what they have.
        self._published += 1
        os.utime(place / "InRelease", (self._published, self._published))
        return place / "InRelease"


class Server(http.server.ThreadingHTTPServer):
    """Serves an archive on loopback; answers 304 where nothing changed.

    Attributes:
        answers: File and status of each answer so far.
        password: What those who ask have to know, as ``user:password``; empty for nothing.
        pause_s: How long each byte of an answer takes; 0 for no time at all, infinity for no
            answer.
    """

    daemon_threads = True

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(directory)))
        self.answers: list[tuple[str, int]] = []
        self.password = ""
        self.pause_s = 0.0
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """Base URL of the archive."""
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(directory: pathlib.Path) -> Iterator[Server]:
    """Serve an archive."""
    with Server(directory) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = base64.b64encode(self.server.password.encode()).decode()
        if self.server.password and self.headers.get("Authorization") != f"Basic {known}":
            self.send_error(401)
            return
        if self.server.pause_s:
            self._stall()
            return
        super().do_GET()

    def _stall(self) -> None:
        """Send next to nothing, until whoever asked has gone."""
        self.server.answers.append((pathlib.PurePosixPath(self.path).name, 0))
        self.close_connection = True
        with contextlib.suppress(OSError):
            if self.server.pause_s < math.inf:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self.server.ended.wait(min(self.server.pause_s, threading.TIMEOUT_MAX)):
                self.wfile.write(b"x")

    def send_response(self, code: int, message: str | None = None) -> None:
        """Note the answer, too."""
        self.server.answers.append((pathlib.PurePosixPath(self.path).name, code))
        super().send_response(code, message)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
