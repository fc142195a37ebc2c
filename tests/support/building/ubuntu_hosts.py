"""Ubuntu's hosts, behind a proxy that a build reaches: their names are what images are told of."""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator

from retrofit.host import files
from retrofit.proof import certificates

from . import mirror, ubuntu_archive

_ARCHIVES = ("archive.ubuntu.com", "security.ubuntu.com")
_CLOUD = "ubuntu-cloud.archive.canonical.com"
_PPA = "ppa.launchpadcontent.net"
_LAUNCHPAD = "api.launchpad.net"
_NOWHERE = "/nonexistent"


class Hosts(http.server.ThreadingHTTPServer):
    """The proxy, with all hosts in it.

    Attributes:
        series: Whose archives they have.
        time: What the archives have.
        authority: The certificate of who signs for the hosts.
        strangers: Other hosts that were asked for.
    """

    daemon_threads = True

    def __init__(self, series: ubuntu_archive.Series, place: pathlib.Path) -> None:
        super().__init__((mirror.ADDRESS, 0), _Handler)
        self.series = series
        self.time = ubuntu_archive.Time.RELEASE
        self.strangers: list[str] = []
        signer = certificates.Authority("Test proxy authority")
        self.authority = place / "authority.pem"
        files.write(self.authority, signer.pair.certificate, mode=0o644)
        self._contexts = {}
        for host in (_PPA, _LAUNCHPAD):
            pair = signer.issue(host)
            files.write(place / "pair.pem", pair.key + pair.certificate, mode=0o600)
            self._contexts[host] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._contexts[host].load_cert_chain(place / "pair.pem")

    @property
    def url(self) -> str:
        """URL of the proxy."""
        return f"http://{mirror.ADDRESS}:{self.server_port}"

    def words(self) -> list[str]:
        """Return the options by which a command uses the proxy."""
        options = ["--http-proxy", self.url, "--https-proxy", self.url]
        return [*options, "--ca-certificate", str(self.authority)]

    def context(self, host: str) -> ssl.SSLContext | None:
        """Return what a host that speaks TLS does it with."""
        return self._contexts.get(host)

    def find(self, host: str, path: str) -> pathlib.Path:
        """Return the file that is meant; one that does not exist, if none is."""
        archive = ubuntu_archive.archive(self.series)
        kind, _, rest = path.lstrip("/").partition("/")
        if host == _PPA:
            return archive / "ppa" / kind / rest
        if host not in (*_ARCHIVES, _CLOUD):
            self.strangers.append(host)
        elif kind == "ubuntu" and host == _CLOUD:
            return archive / "cloud" / rest
        elif kind == "ubuntu":
            changing = archive / "times" / self.time / rest
            return changing if changing.exists() else ubuntu_archive.file(self.series, rest)
        return pathlib.Path(_NOWHERE)

    def launchpad(self, path: str) -> bytes | None:
        """Return Launchpad's answer, ``None`` if it knows nothing of it."""
        owner, _, name = ubuntu_archive.PPA.removeprefix("ppa:").partition("/")
        known = f"/devel/~{owner}/+archive/ubuntu/{name}?ws.op=getSigningKeyData"
        if path != known:
            return None
        key = ubuntu_archive.archive(self.series) / "keys/ppa.asc"
        return json.dumps(key.read_text()).encode()


@contextlib.contextmanager
def serving(series: ubuntu_archive.Series) -> Iterator[Hosts]:
    """Serve the archives of a series."""
    ubuntu_archive.archive(series)
    with (
        tempfile.TemporaryDirectory(prefix="hosts-") as place,
        mirror.address(),
        Hosts(series, pathlib.Path(place)) as hosts,
    ):
        threading.Thread(target=hosts.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield hosts
        finally:
            hosts.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: Hosts
    protocol_version = "HTTP/1.1"
    # The host at the other end of a tunnel.
    host = ""

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        context = self.server.context(host)
        if context is None:
            self.server.strangers.append(host)
            self.send_error(403)
            return
        self.send_response_only(200)
        self.end_headers()
        self.finish()
        self.request = context.wrap_socket(self.request, server_side=True)
        self.setup()
        self.host = host
        # Python's own client asks for the tunnel by HTTP/1.0.
        self.close_connection = False

    def finish(self) -> None:
        """End a tunnel, too: the server knows the socket only that it was made of."""
        super().finish()
        if self.host:
            self.request.close()

    def do_GET(self) -> None:
        if self.host != _LAUNCHPAD:
            super().do_GET()
            return
        content = self.server.launchpad(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def translate_path(self, path: str) -> str:
        """Find the file of what may be a whole URL, as proxies are asked."""
        url = urllib.parse.urlsplit(path)
        return str(self.server.find(url.hostname or self.host, urllib.parse.unquote(url.path)))

    def log_message(self, *args: object) -> None:
        """Say nothing."""
