"""Asking Launchpad for the key of a PPA: a web server of the test's answers in its place."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from retrofit import errors, model
from retrofit.building.archives import launchpad
from retrofit.host import web

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"


class Answers(http.server.BaseHTTPRequestHandler):
    """Knows one PPA, and fails for another."""

    def do_GET(self) -> None:
        known = "/~team/+archive/ubuntu/stable?ws.op=getSigningKeyData"
        status = 200 if self.path == known else 503 if "/broken?" in self.path else 404
        body = json.dumps(KEY).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """Return the base URL of the server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait for what will not change."""
    monkeypatch.setattr(web, "_ATTEMPTS", 1)


@pytest.mark.parametrize("ppa", ["ppa:team/stable", "team/stable"])
def test_a_ppa_has_a_key_and_a_url(api: str, ppa: str) -> None:
    found = launchpad.fetch(ppa, model.BuildRequest("amphora"), api=api)
    assert found.key == KEY
    assert found.url == "https://ppa.launchpadcontent.net/team/stable/ubuntu"


@pytest.mark.parametrize("ppa", ["team", "ppa:team/", "Team/stable", "a/b/c", "ppa:../x"])
def test_an_invalid_ppa_is_refused(ppa: str) -> None:
    with pytest.raises(errors.ConfigError, match="is not valid; give ppa:owner/name"):
        launchpad.fetch(ppa, model.BuildRequest("amphora"), api="http://127.0.0.1:1")


def test_an_unknown_ppa_is_told(api: str) -> None:
    with pytest.raises(errors.ConfigError, match="Launchpad has no PPA 'ppa:team/none'"):
        launchpad.fetch("ppa:team/none", model.BuildRequest("amphora"), api=api)


def test_a_launchpad_that_fails_is_unavailable(api: str) -> None:
    with pytest.raises(errors.Unavailable, match="the server answers 503"):
        launchpad.fetch("ppa:team/broken", model.BuildRequest("amphora"), api=api)


def test_a_launchpad_out_of_reach_is_unavailable() -> None:
    with pytest.raises(errors.Unavailable, match="without the Internet"):
        launchpad.fetch("ppa:team/stable", model.BuildRequest("amphora"), api="http://127.0.0.1:1")


def test_the_builds_proxy_is_asked(api: str) -> None:
    request = model.BuildRequest("amphora", proxies=model.Proxies(http=api))
    # The server takes the absolute URL of a proxied request for an unknown path.
    with pytest.raises(errors.ConfigError, match="no PPA"):
        launchpad.fetch("ppa:team/stable", request, api="http://launchpad.invalid")
